"""An upgrade beside a service that serves: nobody who uses it notices."""

import asyncio
import shutil
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from msgspec import Struct

from service.catalog.load import load as load_catalog
from service.catalog.place import place
from service.database.pool import Pool
from service.database.roles import ensure_login_roles
from service.database.target import Target
from service.migrate.runner import apply
from service.migrate.session import Limits
from service.migrate.survey import verify
from service.repository.base import Repository
from service.settings import Settings
from tests.api import Api, serving
from tests.factories import make_tenant, skill_body
from tests.migrations.conftest import Cluster, Folder

pytestmark = [pytest.mark.database, pytest.mark.migrations, pytest.mark.timeout(300)]

CLIENTS = 8
STEPS_BACK = 3
CHANGED = "entity_by_id"
# Nothing but a lock that is never given up makes a request wait so long, however slow the machine.
PATIENT = Settings(
    acquire_timeout_ms=60_000,
    lock_timeout_ms=61_000,
    statement_timeout_ms=62_000,
    command_timeout_ms=63_000,
    request_timeout_ms=64_000,
)
# Says what happens, a line for each event.
TOLD = """
import sys
from pathlib import Path
from service.migrate.release import release
from service.migrate.runner import apply

def tell(event):
    print(event.kind, event.subject, flush=True)

apply(sys.argv[1], brings=release(Path(sys.argv[2]), Path(sys.argv[3])), progress=tell)
"""


class Traffic:
    """Clients that write and read without a pause, and what they were answered."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._on = True
        self._answered = asyncio.Condition()
        self.answers: Counter[int] = Counter()

    @classmethod
    @asynccontextmanager
    async def of(cls, api: Api) -> AsyncIterator["Traffic"]:
        """Have clients at work."""
        traffic = cls(api)
        async with asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(traffic.work())
            try:
                await traffic.more()
                yield traffic
            finally:
                traffic.stop()

    def stop(self) -> None:
        """Let each client end with the answer that it waits for."""
        self._on = False

    async def work(self) -> None:
        """Create a skill, change it, read it, list, and again."""
        made = await self._api.post("/v1/skills", skill_body())
        path = f"/v1/skills/{made.json['id']}"
        for number in cycle(range(4)):
            if not self._on:
                return
            if number == 0:
                answer = await self._api.post("/v1/skills", skill_body())
            elif number == 1:
                answer = await self._api.send(
                    "PATCH", path, {"tags": ["clay"]}, headers={"If-Match": "*"}
                )
            else:
                answer = await self._api.get(path if number == 2 else "/v1/skills?limit=5")
            async with self._answered:
                self.answers[answer.status] += 1
                self._answered.notify_all()

    async def more(self) -> None:
        """Wait until as many answers have come as every client asks for in a round."""
        wanted = self.answers.total() + 4 * CLIENTS
        async with self._answered:
            await self._answered.wait_for(lambda: self.answers.total() >= wanted)


class Bench(Struct, frozen=True):
    """A database with a service at work on it."""

    api: Api
    owner_url: str
    superuser: asyncpg.Connection

    @asynccontextmanager
    async def deployer(self, release: Folder) -> AsyncIterator[Process]:
        """Have a deployer that says what it does."""
        command = release.command(self.owner_url, TOLD)
        process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()

    async def functions(self) -> set[str]:
        """Name the functions that are installed."""
        rows = await self.superuser.fetch(
            "SELECT proname::text FROM pg_proc WHERE pronamespace = 'q'::regnamespace"
        )
        return {row["proname"] for row in rows}


@pytest_asyncio.fixture
async def bench(cluster: Cluster, database: str, tmp_path: Path) -> AsyncIterator[Bench]:
    """Have a service of this release on a database of its own."""
    owner_url = cluster.url("plant_owner", database)
    await asyncio.to_thread(apply, owner_url)
    settings = Settings(data_dir=tmp_path / "data", database_url=owner_url)
    target = Target(settings)
    await asyncio.to_thread(ensure_login_roles, settings, target)
    owner = Repository(load_catalog(), Pool(owner_url, settings, name="owner"))
    await owner.pool.open()
    tenant = await make_tenant(owner)
    await owner.pool.close()
    superuser = await asyncpg.connect(cluster.url("postgres", database))
    async with serving(PATIENT, target.url("app")) as url, Api.open(url, tenant) as api:
        yield Bench(api, owner_url, superuser)
    await superuser.close()


@pytest.fixture
def next_release(folder: Folder) -> Folder:
    """Give a release that follows this one: a table in use changes, and a statement."""
    without = shutil.ignore_patterns("*.manifest")
    shutil.copytree(place("migrations"), folder.migrations, ignore=without, dirs_exist_ok=True)
    shutil.copytree(place("sql"), folder.sql, dirs_exist_ok=True)
    folder.add(
        "9999.probe",
        "ALTER TABLE app.base_entity ADD COLUMN probe integer;\n"
        "CREATE INDEX base_entity_probe_idx ON app.base_entity (tenant_id, probe);\n"
        "ALTER TABLE app.skill_entity ADD COLUMN probe integer NOT NULL DEFAULT 0;\n",
        "ALTER TABLE app.skill_entity DROP COLUMN probe;\n"
        "ALTER TABLE app.base_entity DROP COLUMN probe;\n",
    )
    (statement,) = folder.sql.rglob(f"{CHANGED}.sql")
    statement.write_text(statement.read_text() + "-- Changed by the next release.\n")
    return folder


async def told(deployer: Process, kind: str) -> None:
    """Wait until the deployer says that something happened."""
    assert deployer.stdout is not None
    while not (line := await deployer.stdout.readline()).startswith(kind.encode()):
        assert line, "it ended before"


async def test_a_reader_makes_it_wait_and_nobody_else(bench: Bench, next_release: Folder) -> None:
    """While a reader holds the table each attempt steps back, and requests go on in between."""
    reading = bench.superuser.transaction()
    await reading.start()
    await bench.superuser.execute("SELECT FROM app.base_entity LIMIT 0")
    async with Traffic.of(bench.api) as traffic, bench.deployer(next_release) as deployer:
        for _ in range(STEPS_BACK):
            await told(deployer, "retry 9999.probe")
            await traffic.more()
        await reading.rollback()
        said, wrong = await deployer.communicate()
        await traffic.more()

    assert (0, b"") == (deployer.returncode, wrong)
    assert b"applied 9999.probe" in said
    assert {200, 201} == traffic.answers.keys()
    assert () == await asyncio.to_thread(verify, bench.owner_url, brings=next_release.release())


async def test_a_service_goes_on_while_it_is_overtaken(bench: Bench, next_release: Folder) -> None:
    """Tables change and functions come; the old release's stay, and no request is refused."""
    before = await bench.functions()
    async with Traffic.of(bench.api) as traffic, bench.deployer(next_release) as deployer:
        said, wrong = await deployer.communicate()
        await traffic.more()
    after = await bench.functions()

    assert (0, b"") == (deployer.returncode, wrong)
    assert b"applied 9999.probe" in said
    assert {200, 201} == traffic.answers.keys()
    assert before < after
    assert [CHANGED] == [name.rpartition("_")[0] for name in after - before]


def test_a_step_is_short_beside_what_a_request_waits() -> None:
    """Who stands behind a waiting migration still gets a connection in time, as do those behind."""
    assert Limits().lock_timeout_ms * 3 <= Settings().acquire_timeout_ms
    assert Limits().lock_timeout_ms < Settings().lock_timeout_ms
