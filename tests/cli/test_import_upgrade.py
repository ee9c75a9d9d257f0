"""ESCO 1.1.1's skills in force, then 1.2.0's: each line's fate is what an oracle says of it."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from msgspec import Struct

from tests.factories import Tenant
from tests.imports import state
from tests.postgres import Server
from tests.servers import BARE, PLANT
from tests.source_folders import CUT, EARLIER_CUT, read, whole, write
from tests.upgrades import Row, Upgrade, upgrade, visible

pytestmark = [pytest.mark.database, pytest.mark.timeout(1800)]

LINES = ("created", "amended", "unchanged", "rejected")


class Told(Struct, frozen=True):
    """What a run reported: ids of the source by outcome, and the problems of rejected lines."""

    code: int
    by_outcome: dict[str, set[str]]
    problems: dict[str, str]

    def __getitem__(self, outcome: str) -> set[str]:
        """Give the ids with an outcome."""
        return self.by_outcome.get(outcome, set())


class Runner:
    """Imports folders of skills for one tenant, by the command."""

    def __init__(self, tenant: Tenant, environ: dict[str, str], folder: Path) -> None:
        self._tenant = tenant
        self._environ = environ
        self._folder = folder

    def run(self, rows: list[Row], *options: str, active: bool = True) -> Told:
        """Import skills and read what became of each."""
        write(self._folder, "skills", rows)
        tenant = self._tenant
        second = ["--certifier-key", tenant.certifier.key, "--as", "active"] if active else []
        done = subprocess.run(
            [*PLANT, "import", "--key", tenant.author.key, *second, "--verbose", *options,
             "--from", "esco", str(self._folder)],
            env=self._environ, capture_output=True, check=False,
        )  # fmt: skip
        *lines, last = [json.loads(one) for one in done.stdout.splitlines()]
        told = Told(done.returncode, {}, {})
        for one in lines:
            # A converted line has the number of its source line.
            ident = rows[one["line"] - 1]["id"] if "line" in one else one["external_id"][11:]
            told.by_outcome.setdefault(one["outcome"], set()).add(ident)
            if "problem" in one and one["outcome"] == "rejected":
                told.problems[ident] = one["problem"]["type"].removeprefix("/docs/errors#")
        assert {name: len(told[name]) for name in last["totals"]} == last["totals"]
        return told


@pytest.fixture
def runner(cluster: Server, database: str, tenant: Tenant, tmp_path: Path) -> Iterator[Runner]:
    """Run imports on the module's database."""
    environ = BARE | cluster.environ(database) | {"PLANT_DATA_DIR": str(tmp_path / "data")}
    folder = tmp_path / "release"
    folder.mkdir()
    yield Runner(tenant, environ, folder)
    shutil.rmtree(folder)


def made_up() -> tuple[list[Row], list[Row]]:
    """Make a former release of the cut: of real rows some changed, some gone, some not yet there.

    Skills take over names that others give up, and names are held by what is gone.
    """
    new = read(CUT, "skills")
    old = json.loads(json.dumps(new[:300]))
    for number, row in enumerate(old):
        if number % 7 == 0:
            row["description"] += " Once."
        if number % 11 == 0:
            row["type"] = "knowledge" if row["type"] != "knowledge" else "skill/competence"
        if number % 13 == 0:
            row["alt_labels"] = row["alt_labels"][::-1]
        if number % 17 == 0:
            row["broader"] = row["broader"][:-1]
        if number % 19 == 0:
            row["name"] = row["name"].upper()
    for first, second in ((20, 21), (60, 200)):
        old[first]["name"], old[second]["name"] = f"once {first}", new[first]["name"]
    gone = [
        {
            **old[0],
            "id": f"gone-{number}",
            "name": f"gone {number}",
            "broader": [],
            "alt_labels": [],
        }
        for number in range(8)
    ]
    gone[1]["name"] = new[30]["name"]  # what is gone has the name of a known one
    old[30]["name"] = "formerly another"
    gone[2]["name"] = new[305]["name"].title()  # and the name of a new one
    gone[4]["broader"] = ["gone-3"]
    old[31]["broader"] = ["gone-5"]  # which has others now
    old[30]["broader"] = ["gone-4"]  # and cannot change while its name is taken
    return old + gone, new


async def upgraded(runner: Runner, tenant: Tenant, superuser: asyncpg.Connection,
                   old: list[Row], new: list[Row]) -> Upgrade:  # fmt: skip
    """Go the whole way, and compare each step with the oracle."""
    expected = upgrade(old, new)
    everything = {row["id"] for row in new}
    assert {row["id"] for row in old} == runner.run(old)["created"]

    first = runner.run(new, "--report-absent")

    assert {name: getattr(expected, name) for name in LINES} == {
        name: first[name] for name in LINES
    }
    assert expected.absent == first["absent"]
    assert (1 if expected.rejected else 0) == first.code
    assert set(first.problems.values()) <= {"name-taken", "reference-not-found"}
    named = {row["id"]: visible(row["name"]) for row in old}
    named |= {row["id"]: visible(row["name"]) for row in new if row["id"] not in expected.rejected}
    assert named == await names(superuser, tenant)

    second = runner.run(new, "--archive-absent")
    assert (expected.rejected, everything - expected.rejected) == (
        second["rejected"],
        second["unchanged"],
    )
    assert (expected.absent - expected.kept, expected.kept) == (second["archived"], second["kept"])

    third = runner.run(new, "--archive-absent")
    assert (0, set()) == (third.code, third["rejected"])
    assert expected.rejected == third["created"] | third["amended"]
    assert expected.kept == third["archived"]
    before = await state(superuser, tenant)
    fourth = runner.run(new, "--archive-absent")
    assert (everything, set()) == (fourth["unchanged"], fourth["archived"] | fourth["kept"])
    assert before == await state(superuser, tenant)
    assert everything == {
        name.removeprefix("esco:skill:") for name, one in before.items() if one.status == "active"
    }
    assert {"archived"} >= {one.status for one in before.values() if one.status != "active"}
    return expected


async def names(superuser: asyncpg.Connection, tenant: Tenant) -> dict[str, str]:
    """Give the names that are in force."""
    return {
        name.removeprefix("esco:skill:"): one.document["name"]
        for name, one in (await state(superuser, tenant)).items()
    }


@pytest.mark.nightly
async def test_the_real_upgrade(
    runner: Runner, tenant: Tenant, superuser: asyncpg.Connection
) -> None:
    """Created, renamed, amended, unchanged, rejected and absent are what the raw files say."""
    old, new = (read(folder, "skills") for folder in (whole("esco-1.1.1"), whole()))

    expected = await upgraded(runner, tenant, superuser, old, new)

    # The numbers that are known of the data: their source says so.
    assert (13896, 13939, 237, 194, 5) == (
        len(old),
        len(new),
        len({row["id"] for row in new} - {row["id"] for row in old}),
        len(expected.absent),
        len(expected.rejected),
    )
    assert 105 == len(expected.renamed) + len(expected.rejected) - 1
    by_id = {row["id"]: row for row in old}
    for field, count in (("description", 325), ("type", 40)):
        assert count == sum(
            row[field] != by_id[row["id"]][field] for row in new if row["id"] in by_id
        )


@pytest.mark.parametrize(
    "release", [(EARLIER_CUT, CUT), None], ids=["committed cuts", "made-up former release"]
)
async def test_an_upgrade(
    runner: Runner,
    tenant: Tenant,
    superuser: asyncpg.Connection,
    release: tuple[Path, Path] | None,
) -> None:
    """A few hundred skills go the same way, of each outcome some."""
    old, new = (read(one, "skills") for one in release) if release else made_up()

    expected = await upgraded(runner, tenant, superuser, old, new)

    if release is None:
        assert all(getattr(expected, name) for name in (*LINES, "renamed", "absent", "kept"))


async def test_an_upgrade_by_proposals(
    runner: Runner, tenant: Tenant, superuser: asyncpg.Connection
) -> None:
    """Without a second identity all that differs is proposed, and nothing in force changes."""
    old, new = made_up()
    expected = upgrade(old, new)
    runner.run(old)
    before = await state(superuser, tenant)

    first = runner.run(new, active=False)
    second = runner.run(new, active=False)

    # Whether a name is free is asked when the amendment is certified.
    known = {row["id"] for row in old}
    assert expected.amended | (expected.rejected & known) == first["amended"]
    assert expected.rejected - known == first["rejected"] == second["rejected"]
    assert {row["id"] for row in new} - first["rejected"] == second["unchanged"]
    now = await state(superuser, tenant)
    assert before == {name: now[name] for name in before}
