"""The packaged sample keeps every rule, and is what the builder makes."""

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from service.convert.esco import convert_lines
from service.sample.build import NameTaken, build, files, main
from service.sample.definitions import (
    Agent,
    Definitions,
    Domain,
    Draft,
    Invented,
    Selection,
    Step,
    Team,
)
from service.sample.packaged import Sample, load_sample
from service.sample.stock import NotInSource
from tests.import_lines import Line, faults, faults_between, key, parsed
from tests.source_folders import CUT, FOLDERS, ROOT, WHOLE

# Who may take which step; the author of a draft never certifies it.
STEPS = {
    ("draft", "under_review"): "author",
    ("draft", "archived"): "author",
    ("under_review", "draft"): "certifier",
    ("under_review", "certified"): "certifier",
    ("under_review", "archived"): "author",
    ("certified", "active"): "author",
    ("certified", "archived"): "author",
    ("active", "deprecated"): "author",
    ("active", "archived"): "author",
    ("deprecated", "archived"): "author",
}
PACKED_BYTES_MAX = 600_000


@pytest.fixture(scope="module")
def sample() -> Sample:
    """Load the sample once."""
    return load_sample()


@pytest.fixture(scope="module")
def active(sample: Sample) -> list[Line]:
    """Give the lines that come in as active."""
    return parsed(sample.active.splitlines())


@pytest.fixture(scope="module")
def drafts(sample: Sample) -> list[Line]:
    """Give the lines that come in as drafts."""
    return parsed(sample.drafts.splitlines())


def ids(value: Any) -> set[str]:
    """Give the external ids of references."""
    return {item["external_id"] for item in value or ()}


def essential(job_role: Line) -> set[str]:
    """Give the essential skills of a job role line."""
    needed = job_role.get("required_skills", [])
    return ids([item for item in needed if item["relation"] == "essential"])


class TestActive:
    """What is imported as active, with two identities."""

    def test_is_large_enough_and_small_enough(self, sample: Sample, active: list[Line]) -> None:
        """It has enough of each of the five kinds, in few bytes."""
        counted = Counter(line["kind"] for line in active)
        packed = sum(path.stat().st_size for path in (ROOT / "service/sample").glob("*.gz"))

        assert sum(counted.values()) >= 1000
        assert counted["skill"] >= 100
        assert counted["job_role"] >= 100
        assert counted["agent"] >= 20
        assert counted["team"] >= 5
        assert counted["industry"] >= 100
        assert packed <= PACKED_BYTES_MAX

    def test_lines_keep_the_bounds(self, active: list[Line]) -> None:
        """Every line is one that an import takes; references stay within the sample."""
        assert [] == [fault for line in active for fault in faults(line)]
        assert [] == faults_between(active)

    def test_skills_and_job_roles_keep_the_rules(self, active: list[Line]) -> None:
        """Each skill has a category; each job role a seniority and an essential skill."""
        for line in active:
            if line["kind"] == "skill":
                assert line["category"]
                assert line["description"].strip()
            elif line["kind"] == "job_role":
                assert line["seniority_level"]
                assert essential(line)

    def test_teams_and_agents_keep_the_rules(self, active: list[Line]) -> None:
        """Members share job role and industry with their team, and have its essential skills."""
        by_id = {line["external_id"]: line for line in active}
        members: dict[str, list[Line]] = {}
        for agent in (line for line in active if line["kind"] == "agent"):
            job_role = by_id[agent["job_role_id"]["external_id"]]
            if "team_id" in agent:
                members.setdefault(agent["team_id"]["external_id"], []).append(agent)

            assert essential(job_role) <= ids(agent["skill_ids"])
            assert agent["industry_id"]["external_id"] in by_id
        for team in (line for line in active if line["kind"] == "team"):
            for agent in members.pop(team["external_id"]):
                assert agent["job_role_id"] == team["job_role_id"]
                assert agent["industry_id"] == team["industry_id"]

        assert {} == members

    def test_invented_entities_say_so(self, active: list[Line], drafts: list[Line]) -> None:
        """All teams, agents and drafts are marked; what is real is not."""
        for line in (*active, *drafts):
            invented = line["external_id"].startswith("sample:")

            assert invented == (line["kind"] in {"team", "agent"} or line in drafts)
            assert invented == (line["custom_attributes"].get("invented") is True)

    @pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
    def test_a_full_import_changes_nothing(self, active: list[Line], folder: Path) -> None:
        """Fields that the converter gives are the converter's: the rest it leaves alone."""
        whole = {line["external_id"]: line for line in parsed(convert_lines(folder))}
        compared = [line for line in active if line["external_id"] in whole]
        changed = [
            line["external_id"]
            for line in compared
            if any(line[name] != value for name, value in whole[line["external_id"]].items())
        ]

        assert len(compared) > 100
        assert [] == changed


class TestDrafts:
    """What stays with its author, and the steps that take some of it further."""

    def test_lines_keep_the_bounds(self, active: list[Line], drafts: list[Line]) -> None:
        """They are about thirty, of all kinds, and refer to the sample only."""
        assert {line["kind"] for line in active} == {line["kind"] for line in drafts}
        assert 25 <= len(drafts) <= 35
        assert [] == [fault for line in drafts for fault in faults(line)]
        assert [] == faults_between([*active, *drafts])

    def test_steps_are_allowed_and_reach_every_state(
        self, sample: Sample, drafts: list[Line]
    ) -> None:
        """Each step starts where the one before ended and is taken by who may take it."""
        at = {(line["kind"], line["external_id"]): "draft" for line in drafts}
        for step in sample.steps:
            before = at[step.kind, step.external_id]

            assert STEPS[before, step.to] == step.by
            assert step.reason
            at[step.kind, step.external_id] = step.to
        states = Counter(at.values())

        assert set(states) == {state for pair in STEPS for state in pair}
        assert states["draft"] >= 10

    def test_certified_ones_keep_the_rules(
        self, sample: Sample, active: list[Line], drafts: list[Line]
    ) -> None:
        """What a job role needs is in force before it is certified."""
        lines = {line["external_id"]: line for line in drafts}
        in_force = {line["external_id"] for line in active}
        for step in sample.steps:
            line = lines[step.external_id]
            if step.to == "certified":
                assert essential(line) <= in_force
                assert line["kind"] != "job_role" or (essential(line) and line["seniority_level"])
                in_force.add(step.external_id)
            if step.to == "deprecated":
                assert step.successor_external_id in in_force


class TestNotice:
    """What the licences of the data ask for."""

    def test_stands_at_the_root_and_beside_the_data(self, sample: Sample) -> None:
        """Both copies are the same page, and it names every source."""
        assert (ROOT / "DATA-LICENSES.md").read_text(encoding="utf-8") == sample.notice
        assert "This service uses the ESCO classification of the European Commission." in (
            sample.notice
        )
        for source in ("ESCO 1.2.0", "ESCO 1.1.1", "NACE Rev. 2", "NAICS 2022"):
            assert source in sample.notice


def definitions(**changes: Any) -> Definitions:
    """Define a sample of what the cut holds, with changes to its parts."""
    agent = Agent(id="agent:cups", name="Cup counter", description="Counts.", optional_skills=1)
    single = Agent(
        id="agent:tips",
        name="Tip sharer",
        description="Shares.",
        optional_skills=0,
        job_role="waiter/waitress",
        domain="kitchen",
    )
    team = Team(
        id="team:bar",
        name="Bar",
        description="Serves.",
        job_role="barista",
        domain="kitchen",
        agents=[agent],
    )
    draft = Draft(kind="skill", id="skill:new", name="do new things", description="New.")
    step = Step(by="author", to="under_review", reason="Ready.", ids=["skill:new"])
    parts: dict[str, Any] = {"job_roles": ["barista", "waiter/waitress"], "drafts": [draft]}
    parts |= changes
    return Definitions(
        selection=Selection(
            industries=["NACE2:56.1"],
            domains={"kitchen": Domain(industry="NACE2:56.10", job_roles=parts["job_roles"])},
        ),
        invented=Invented(teams=[team], agents=[single], drafts=parts["drafts"], steps=[step]),
    )


class TestBuild:
    """The builder, on the cut of the real data."""

    def test_is_deterministic(self) -> None:
        """Equal input gives equal bytes, without the time of day."""
        content = files(build(CUT, definitions()))

        assert content == files(build(CUT, definitions()))
        assert content["sample.active.ndjson.gz"][4:8] == bytes(4)

    def test_takes_what_is_needed_and_no_more(self) -> None:
        """Skills of the chosen job roles, what is above them, and their industries."""
        packed = files(build(CUT, definitions()))["sample.active.ndjson.gz"]
        lines = parsed(gzip.decompress(packed).splitlines())
        counted = Counter(line["kind"] for line in lines)

        assert [] == [fault for line in lines for fault in faults(line)]
        assert [] == faults_between(lines)
        assert counted["job_role"] == counted["agent"] == 2
        assert counted["team"] == 1
        assert 50 < counted["skill"] < 100
        job_roles = {line["external_id"]: line for line in lines if line["kind"] == "job_role"}
        for agent in (line for line in lines if line["kind"] == "agent"):
            assert essential(job_roles[agent["job_role_id"]["external_id"]]) <= ids(
                agent["skill_ids"]
            )
        assert {"NACE2:I", "NACE2:56.10", "NAICS:72"} <= {line["external_id"] for line in lines}

    @pytest.mark.parametrize(
        "changes,expected",
        [
            ({"job_roles": ["barista", "no such work"]}, NotInSource),
            ({"job_roles": ["waiter/waitress"]}, NotInSource),
            ({"drafts": [{"name": "do new things", "parents": ["no such skill"]}]}, NotInSource),
            ({"drafts": [{"name": "do new things", "parents": ["skill:none"]}]}, NotInSource),
            ({"drafts": [{"name": "BOBATH THERAPY"}]}, NameTaken),
        ],
    )
    def test_refuses_what_does_not_fit(
        self, changes: dict[str, Any], expected: type[Exception]
    ) -> None:
        """References to nothing and names that the real data have are refused."""
        if "drafts" in changes:
            given = {"kind": "skill", "id": "skill:new", "description": "New."}
            changes = {"drafts": [Draft(**(given | draft)) for draft in changes["drafts"]]}

        with pytest.raises(expected):
            build(CUT, definitions(**changes))

    def test_makes_the_packaged_files(self, sample: Sample, tmp_path: Path) -> None:
        """Where the whole data are, the packaged lines are what it makes of them today."""
        if not (WHOLE / "skills.ndjson.gz").is_file():
            with pytest.raises(NotInSource):
                main([str(CUT), "--out", str(tmp_path)])
            return

        assert main([str(WHOLE), "--out", str(tmp_path)]) == 0
        active = gzip.decompress((tmp_path / "sample.active.ndjson.gz").read_bytes())
        drafts = gzip.decompress((tmp_path / "sample.drafts.ndjson.gz").read_bytes())

        assert (sample.active, sample.drafts) == (active, drafts)
        assert len(sample.steps) == len(json.loads((tmp_path / "sample.steps.json").read_bytes()))

    def test_names_are_free_in_the_whole_data(self, sample: Sample) -> None:
        """No invented name is taken by a later import of all of ESCO."""
        whole = {
            (line["kind"], key(line["name"]))
            for folder in FOLDERS
            for line in parsed(convert_lines(folder))
        }
        invented = {
            (line["kind"], key(line["name"]))
            for line in parsed((sample.active + sample.drafts).splitlines())
            if line["external_id"].startswith("sample:")
        }

        assert set() == whole & invented
