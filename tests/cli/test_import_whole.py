"""The whole of ESCO, NACE and NAICS in one command, and what it costs as tables grow."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from service.repository.base import Repository
from tests.factories import Tenant, create, skill_body
from tests.imports import many, ndjson
from tests.postgres import Server
from tests.servers import BARE, plant, room
from tests.source_folders import whole

pytestmark = [pytest.mark.database, pytest.mark.nightly, pytest.mark.timeout(600)]

SECONDS_MAX = 90
GROWTH_KB_MAX = 10 * 1024
SLOWER_MAX = 2.0
COUNTS = """
SELECT
    count(*) FILTER (WHERE entity_type = 'skill'),
    count(*) FILTER (WHERE entity_type = 'job_role'),
    count(*) FILTER (WHERE entity_type = 'industry'),
    count(*) FILTER (WHERE status <> 'active' OR version <> 1),
    (SELECT count(*) FROM app.job_role_skill),
    (SELECT count(*) FROM audit.entry),
    (SELECT count(*) FROM app.import_line)
FROM app.base_entity
"""

# The peak of the process itself: rusage would count the tests' own memory, from before the exec.
PROBE = """
import atexit, re, sys
from pathlib import Path
from service.__main__ import main
def peak():
    found = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
    print(found[1], file=sys.stderr)
atexit.register(peak)
sys.exit(main())
"""

# What psql says after the import of the whole data.
FOUND = "13939|3039|3121|0|128987|20099|0"
LINES = int(FOUND.split("|")[5])


class Run:
    """A command's answer with what it cost."""

    def __init__(self, words: list[str], environ: dict[str, str], directory: Path) -> None:
        begun = time.monotonic()
        told = subprocess.run(
            [sys.executable, "-c", PROBE, *words],
            env=environ, cwd=directory, capture_output=True, check=False,
        )  # fmt: skip
        self.seconds = time.monotonic() - begun
        self.code = told.returncode
        self.totals = json.loads(told.stdout.splitlines()[-1])["totals"]
        self.peak_kb = int(told.stderr.split()[-1])


def keys(directory: Path, **environ: str) -> list[str]:
    """Make a writer's and a certifier's key."""
    made = [
        plant(
            directory, "key", "create", "--tenant", "t", "--agent", agent,
            "--scopes", f"read,{scope}", "--json", **environ,
        )
        for agent, scope in (("writer", "write"), ("certifier", "certify"))
    ]  # fmt: skip
    return [json.loads(one.stdout)["key"] for one in made]


def everything(writer: str, certifier: str) -> list[str]:
    """Make the command that imports everything as active."""
    second = ["--certifier-key", certifier, "--as", "active"]
    return ["import", "--key", writer, *second, "--from", "esco", str(whole())]


def test_everything_in_one_command_on_a_fresh_embedded_server() -> None:
    """20,099 entities and 128,987 links within 90 seconds; a second time changes nothing."""
    with room() as place:
        command = everything(*keys(place))
        first = Run(command, BARE, place)
        second = Run(command, BARE, place)
        told = plant(place, "db", "psql", "--role", "superuser", "--", "-Atc", COUNTS)

    assert (0, LINES) == (first.code, first.totals["created"])
    assert (0, LINES) == (second.code, second.totals["unchanged"])
    assert FOUND == told.stdout.strip()
    assert first.seconds <= SECONDS_MAX
    assert second.seconds <= SECONDS_MAX


def test_a_database_that_was_vacuumed_while_it_was_empty(
    cluster: Server, template: str, tmp_path: Path
) -> None:
    """Plans made for empty tables do not stay: it takes about as long as on a fresh one."""
    seconds = []
    for vacuumed in (False, True):
        name = cluster.clone(template)
        if vacuumed:
            cluster.run("VACUUM ANALYZE", name)
        environ = cluster.environ(name)
        seconds.append(
            Run(everything(*keys(tmp_path, **environ)), BARE | environ, tmp_path).seconds
        )
        assert LINES == cluster.run("SELECT count(*) FROM app.base_entity", name)[0][0]
        cluster.drop(name)

    assert seconds[1] <= SLOWER_MAX * seconds[0]
    assert max(seconds) <= SECONDS_MAX


def test_memory_does_not_grow_with_the_input(
    cluster: Server, database: str, tmp_path: Path
) -> None:
    """Five times the lines take less than 10 MB more."""
    environ = cluster.environ(database)
    writer, _ = keys(tmp_path, **environ)
    peaks = []
    for count in (4_000, 20_000):
        path = tmp_path / f"{count}.ndjson"
        path.write_bytes(ndjson(many(count)))
        run = Run(["import", "--key", writer, str(path)], BARE | environ, tmp_path)
        assert count == run.totals["created"]
        peaks.append(run.peak_kb)

    assert peaks[1] - peaks[0] < GROWTH_KB_MAX


async def test_single_creates_do_not_slow_down(repository: Repository, tenant: Tenant) -> None:
    """The fifth thousand, on a database that began empty, is as quick as the first."""
    seconds = []
    for _ in range(5):
        begun = time.monotonic()
        for _ in range(1000):
            await create(repository, tenant.author, "skill", skill_body())
        seconds.append(time.monotonic() - begun)

    assert max(seconds[1:]) <= SLOWER_MAX * seconds[0], seconds
