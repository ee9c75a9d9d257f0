"""The converter on real data, beside an oracle that shares no code with it."""

import re
import subprocess
import sys
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from service.convert.esco import convert_lines
from service.convert.report import RULES, Report
from tests.import_lines import Line, faults, faults_between, parsed
from tests.source_folders import CUT, EARLIER_CUT, FOLDERS, ROOT, WHOLE, read

# kind -> lines, then links of job roles: counted by hand with zcat and sort, not by the converter.
TOTALS = {
    CUT: {"skill": 315, "job_role": 7, "industry": 50, "links": 260, "both": 1},
    WHOLE: {"skill": 13_939, "job_role": 3_039, "industry": 3_121, "links": 128_987, "both": 17},
}
GROWTH_KB_MAX = 20 * 1024
STATUS = Path("/proc/self/status")
RULE = re.compile(r"`([a-z-]+)`")
ZERO_WIDTH_SPACE = "\u200b"

Converted = tuple[Path, list[Line], Report]


@pytest.fixture(scope="module", params=FOLDERS, ids=lambda folder: folder.name)
def converted(request: pytest.FixtureRequest) -> Converted:
    """Convert a folder once for all tests that look at its lines."""
    report = Report()
    return request.param, parsed(convert_lines(request.param, report)), report


def of_kind(lines: list[Line], kind: str) -> dict[str, Line]:
    """Give the lines of a kind by the last part of their external id."""
    return {
        line["external_id"].removeprefix("esco:skill:").removeprefix("esco:occupation:"): line
        for line in lines
        if line["kind"] == kind
    }


def key(text: str) -> str:
    """Give what labels are compared by."""
    return unicodedata.normalize("NFKC", text).casefold()


class TestEveryLine:
    """What holds for all lines of real data."""

    def test_fits_the_bounds_of_the_data_model(self, converted: Converted) -> None:
        """Every field of every line is known, of its type and within its bounds."""
        _, lines, _ = converted

        assert [] == [fault for line in lines for fault in faults(line)]

    def test_refers_to_lines_only(self, converted: Converted) -> None:
        """Ids and names are unique, references lead to other lines, no one is above itself."""
        _, lines, _ = converted

        assert [] == faults_between(lines)

    def test_is_the_same_each_time(self, converted: Converted) -> None:
        """Converting again gives the same lines in the same order."""
        folder, lines, _ = converted

        assert lines == parsed(convert_lines(folder))

    def test_kinds_come_in_order(self, converted: Converted) -> None:
        """Industries come first, then skills, then job roles."""
        _, lines, _ = converted
        kinds = list(dict.fromkeys(line["kind"] for line in lines))

        assert ["industry", "skill", "job_role"] == kinds


class TestTotals:
    """How much comes out."""

    def test_are_those_of_the_source(self, converted: Converted) -> None:
        """Lines of each kind and links are as many as were counted in the source."""
        folder, lines, report = converted
        expected = dict(TOTALS[folder])
        both = expected.pop("both")
        counted = Counter(line["kind"] for line in lines)
        counted["links"] = sum(len(line.get("required_skills", ())) for line in lines)

        assert expected == counted
        assert both == report.counts["relation-both"]

    def test_are_announced_and_reported(self, converted: Converted) -> None:
        """The report says how many lines there will be and how many there were."""
        _, lines, report = converted
        counted = Counter(line["kind"] for line in lines)

        assert counted == report.expected == report.written
        assert f"{counted['skill']:,} skill lines" in report.text()

    def test_nothing_but_aliases_and_doubled_relations_is_left_out(
        self, converted: Converted
    ) -> None:
        """Real data of 1.2.0 lose no entity, no parent and no relation."""
        rules = {"alias-cleaned", "alias-equals-name", "alias-repeated", "relation-both"}

        assert rules == {rule for rule, count in converted[2].counts.items() if count}


class TestAgainstTheSource:
    """Each line beside its source row, by rules written down here again."""

    def test_skills(self, converted: Converted) -> None:
        """Names, descriptions, categories and parents of skills are those of the source."""
        folder, lines, _ = converted
        found = of_kind(lines, "skill")
        for row in read(folder, "skills"):
            line = found.pop(row["id"])
            knowledge, transversal = row["type"] == "knowledge", row["reuse_level"] == "transversal"
            category = "soft_skill" if transversal else "technical"

            assert (row["name"], row["description"]) == (line["name"], line["description"])
            assert ("domain_expertise" if knowledge else category) == line["category"]
            assert [f"esco:skill:{parent}" for parent in row["broader"]] == [
                parent["external_id"] for parent in line["parent_ids"]
            ]
            assert line["custom_attributes"]["esco"]["uri"] == row["uri"]
            assert "category" in line["custom_attributes"]["derived"]

        assert {} == found

    def test_job_roles(self, converted: Converted) -> None:
        """Seniority follows the ISCO major group; of a pair with both relations essential stays."""
        folder, lines, _ = converted
        found = of_kind(lines, "job_role")
        needed: dict[str, dict[str, str]] = {}
        for row in sorted(read(folder, "occupation_skills"), key=lambda row: row["relation"]):
            needed.setdefault(row["occupation_id"], {}).setdefault(row["skill_id"], row["relation"])
        for row in read(folder, "occupations"):
            line = found.pop(row["id"])
            group = int(row["isco_group"][0])
            seniority = "senior" if group in {1, 2} else "mid" if group in {0, 3} else "junior"

            assert (row["name"], row["description"]) == (line["name"], line["description"])
            assert seniority == line["seniority_level"]
            assert needed[row["id"]] == {
                item["external_id"].removeprefix("esco:skill:"): item["relation"]
                for item in line["required_skills"]
            }
            assert line["custom_attributes"]["esco"]["isco_group"] == row["isco_group"]
            assert "seniority_level" in line["custom_attributes"]["derived"]

        assert {} == found

    def test_industries(self, converted: Converted) -> None:
        """Scheme, code, level and parent are the source's; what is excluded stands apart."""
        folder, lines, _ = converted
        found = of_kind(lines, "industry")
        for row in read(folder, "industries"):
            line = found.pop(row["id"])
            texts = [text for text in (row["description"], row["also_includes"]) if text]
            attributes = line["custom_attributes"].get("classification", {})

            for name in ("name", "scheme", "code", "level"):
                assert row[name] == line[name]
            assert ("\n\n".join(texts) or None) == line["description"]
            assert row["excludes"] == attributes.get("excludes")
            assert [row["parent"]] * bool(row["parent"]) == [
                parent["external_id"] for parent in line["parent_ids"]
            ]

        assert {} == found

    @pytest.mark.parametrize("stem,kind", [("skills", "skill"), ("occupations", "job_role")])
    def test_aliases(self, converted: Converted, stem: str, kind: str) -> None:
        """Each alternative label is there once, in order, but for the name and repetitions."""
        folder, lines, _ = converted
        found = of_kind(lines, kind)
        for row in read(folder, stem):
            expected: list[str] = []
            for label in row["alt_labels"]:
                alias = label.replace(ZERO_WIDTH_SPACE, "").strip()
                if key(alias) not in {key(row["name"]), *map(key, expected)}:
                    expected.append(alias)

            assert expected == found[row["id"]]["aliases"]


class TestByHand:
    """Entities read by a person; they are in the cut and in the whole data."""

    def line(self, lines: list[Line], name: str) -> Any:
        """Find a line by its name."""
        (line,) = (line for line in lines if line["name"] == name)
        return line

    def test_barista(self, converted: Converted) -> None:
        """The barista is a junior with 22 skills and four aliases."""
        barista = self.line(converted[1], "barista")
        relations = Counter(item["relation"] for item in barista["required_skills"])

        assert barista["external_id"] == "esco:occupation:bf7d8b16-4e2c-48ef-b44e-dc25b2d0ab61"
        assert barista["seniority_level"] == "junior"
        assert relations == {"essential": 20, "optional": 2}
        assert barista["aliases"][0] == "coffee maker"
        assert len(barista["aliases"]) == 4

    def test_pricing_specialist(self, converted: Converted) -> None:
        """To communicate price changes is both for the pricing specialist: essential stays."""
        skill = self.line(converted[1], "communicate price changes")["external_id"]
        pricing = self.line(converted[1], "pricing specialist")

        assert {"external_id": skill, "relation": "essential"} in pricing["required_skills"]

    def test_bobath_therapy(self, converted: Converted) -> None:
        """Of nine labels of the Bobath therapy five differ by more than case."""
        assert self.line(converted[1], "bobath therapy")["aliases"] == [
            "bobath concept of neurological rehabilitation",
            "Bobath technique",
            "bobath-therapy",
            "bobath approach",
            "Bobath concept",
        ]

    def test_printing_of_newspapers(self, converted: Converted) -> None:
        """NACE 18.11 has no text of its own: what it also includes describes it."""
        printing = self.line(converted[1], "Printing of newspapers")

        assert printing["external_id"] == "NACE2:18.11"
        assert printing["level"] == 4
        assert printing["parent_ids"] == [{"external_id": "NACE2:18.1"}]
        assert printing["description"].startswith("This class also includes:\n- printing of other")
        assert "photocopying" in printing["custom_attributes"]["classification"]["excludes"]

    def test_zero_width_characters(self, converted: Converted) -> None:
        """They are taken out of aliases, where a search would miss them, and left in prose."""
        manager = self.line(converted[1], "public relations manager")
        welsh = self.line(converted[1], "understand spoken Welsh")

        assert "public relations consultant" in manager["aliases"]
        assert ZERO_WIDTH_SPACE in welsh["description"]


class TestEarlierRelease:
    """ESCO 1.1.1: no relations, no industries, some skills without a type, misread UTF-8."""

    def test_absent_files_are_said_and_their_fields_absent(self) -> None:
        """A job role line without the relations says nothing about skills."""
        report = Report()
        lines = parsed(convert_lines(EARLIER_CUT, report))
        said = {finding.file for finding in report.findings["file-absent"]}

        assert said == {"industries.ndjson.gz", "occupation_skills.ndjson.gz"}
        assert not [line for line in lines if "required_skills" in line]
        assert [] == [fault for line in lines for fault in faults(line)]

    def test_misread_text_is_repaired(self) -> None:
        """Apostrophes that were read as three Latin-1 characters are apostrophes again."""
        job_roles = of_kind(parsed(convert_lines(EARLIER_CUT)), "job_role")

        assert len(job_roles) == 3
        for line in job_roles.values():
            assert "the students\N{RIGHT SINGLE QUOTATION MARK} progress" in line["description"]

    def test_skills_without_type_are_technical(self) -> None:
        """They are taken for what most are, and reported."""
        report = Report()
        skills = of_kind(parsed(convert_lines(EARLIER_CUT, report)), "skill")

        assert report.counts["type-absent"] == 6
        assert {line["category"] for line in skills.values()} == {"technical"}


def test_every_rule_is_documented() -> None:
    """docs/import.md has a row for each rule of the report, and for no other."""
    page = (ROOT / "docs" / "import.md").read_text(encoding="utf-8")
    table = page.partition("| rule | meaning |")[2].partition("\n\n")[0]
    documented = {
        name for row in table.splitlines() for name in RULE.findall((row + "|").split("|")[1])
    }

    assert set(RULES) == documented


@pytest.mark.skipif(not STATUS.exists(), reason="only Linux tells a process its own peak memory")
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_memory_stays_small(folder: Path) -> None:
    """A process that draws all lines grows by less than 20 MB, whatever it draws."""
    script = (
        "import pathlib, re, sys, service.convert.esco as esco\n"
        "def peak(): return int(re.search(r'VmHWM:\\s+(\\d+)', open(sys.argv[2]).read())[1])\n"
        "before = peak()\n"
        "size = sum(len(line) for line in esco.convert_lines(pathlib.Path(sys.argv[1])))\n"
        "print(size // 1024, peak() - before)\n"
    )
    command = [sys.executable, "-c", script, str(folder), str(STATUS)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    size_kb, growth_kb = map(int, printed.stdout.split())

    # Texts make up most of the lines: were they held, it would grow by as much as it draws.
    assert size_kb
    assert growth_kb < GROWTH_KB_MAX
