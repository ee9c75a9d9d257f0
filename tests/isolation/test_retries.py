"""Serialization failures and deadlocks, provoked: repeated as a whole, so often and no more.

Nothing of a failed try remains, pauses are drawn at random, and each repetition is counted.
"""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from msgspec import structs

from service.catalog.load import Catalog
from service.database.pool import Isolation, Pool
from service.errors import Unavailable
from service.repository.base import Repository
from service.repository.entities import EntityStep
from service.repository.keys import KeyRotate
from service.repository.retries import RETRY_S, TRIES_MAX, pause_s
from service.settings import Settings
from tests.api import PATHS
from tests.bench import Bench, unavailable
from tests.counts import rows
from tests.factories import Tenant
from tests.imports import imported, line
from tests.isolation.acts import etag_of, job_role, see, skill
from tests.isolation.arena import PATIENT, Arena, opened
from tests.isolation.opponents import Circle, circle, hasty
from tests.postgres import Server
from tests.sessions import BLOCKED, Connection, pid

pytestmark = pytest.mark.database

COUNTED = re.compile(r"^plant_transaction_retries_total\S* (\S+)$", re.MULTILINE)
KEYS = "SELECT count(*) FROM app.api_key WHERE tenant_id = $1"


class Contested(Pool):
    """A pool that lends at a higher level, while another session has in hand what is wanted."""

    level: Isolation = "repeatable_read"
    rounds = 0
    rival: Callable[[Connection], Awaitable[None]]
    watcher: Connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection in a transaction; once it waits, the other session commits."""
        async with super().connection() as lent, super().connection() as other:
            rival: asyncio.Future[None] | None = None
            if self.rounds:
                self.rounds -= 1
                holding = other.transaction()
                await holding.start()
                await self.rival(other)
                waited = self._commit_when_waited_for(holding, pid(lent), pid(other))
                rival = asyncio.ensure_future(waited)
            try:
                async with lent.transaction(isolation=self.level):
                    yield lent
            finally:
                if rival:
                    await rival

    async def _commit_when_waited_for(self, holding: Any, waiting: int, held_by: int) -> None:
        while not await self.watcher.fetchval(BLOCKED, waiting, held_by):
            pass
        await holding.commit()


def retries(repository: Repository) -> int:
    """Tell how many statements were repeated, of whatever kind."""
    counted: Any = repository.retries
    return int(counted if isinstance(counted, int) else counted.total())


def rotation(key: UUID) -> KeyRotate:
    """Make a key in the place of another, which goes on to work for a year at most."""
    return KeyRotate(key, secrets.token_bytes(32), None, timedelta(days=365))


@pytest_asyncio.fixture(loop_scope="module")
async def contested(
    cluster: Server, database: str, catalog: Catalog, settings: Settings, superuser: Connection
) -> AsyncIterator[Contested]:
    """Have a pool of the owner, where another session rotates the key of a tenant first."""
    chosen = structs.replace(settings, **PATIENT)
    pool = Contested(cluster.url("owner", database), chosen)
    pool.watcher = superuser
    async with opened(pool):
        yield pool


@pytest.mark.parametrize("level", ["repeatable_read", "serializable"])
class TestSerializationFailure:
    """40001: two transactions of a level above READ COMMITTED change the same row.

    No write of the product runs at such a level, so the level is raised beneath its repository.
    """

    @pytest.fixture
    def repository(
        self, contested: Contested, catalog: Catalog, tenant: Tenant, level: Isolation
    ) -> Repository:
        """Have statements at this level, and a rival for the key of the tenant's reader."""
        repository = Repository(catalog, contested)
        contested.level = level
        key = UUID(tenant.reader.context.key_id)

        async def rotate(other: Connection) -> None:
            await repository.maybe(rotation(key), connection=other)

        contested.rival = rotate
        return repository

    @pytest.mark.parametrize("failures", [1, TRIES_MAX - 1])
    async def test_the_whole_transaction_is_repeated(
        self,
        repository: Repository,
        contested: Contested,
        tenant: Tenant,
        superuser: Connection,
        failures: int,
    ) -> None:
        """It is done once, beside each of the rival's; every repetition is counted."""
        before = await superuser.fetchval(KEYS, tenant.id)
        contested.rounds = failures
        key = UUID(tenant.reader.context.key_id)
        made = await repository.maybe(rotation(key), writes=True)

        assert made
        assert failures == retries(repository)
        assert before + failures + 1 == await superuser.fetchval(KEYS, tenant.id)

    async def test_there_is_a_last_try(
        self,
        repository: Repository,
        contested: Contested,
        tenant: Tenant,
        superuser: Connection,
    ) -> None:
        """Then it is 503 with the cause behind it, and there are the rival's rows alone."""
        before = await superuser.fetchval(KEYS, tenant.id)
        contested.rounds = TRIES_MAX
        key = UUID(tenant.reader.context.key_id)
        with pytest.raises(Unavailable) as refused:
            await repository.maybe(rotation(key), writes=True)

        assert "40001" == getattr(refused.value.__cause__, "sqlstate", None)
        assert (503, 1) == (refused.value.status, refused.value.retry_after_s)
        assert TRIES_MAX - 1 == retries(repository)
        assert before + TRIES_MAX == await superuser.fetchval(KEYS, tenant.id)


@pytest.fixture(scope="module")
def database(cluster: Server, template: str) -> Iterator[str]:
    """Have a database whose sessions look for a deadlock as soon as they wait."""
    with hasty(cluster, template) as name:
        yield name


@pytest_asyncio.fixture(loop_scope="module")
async def role(arena: Arena) -> str:
    """Have a job role under review that needs three skills in force."""
    needed = [await skill(arena, "active") for _ in range(3)]
    return await job_role(arena, *needed, status="under_review")


@pytest_asyncio.fixture(loop_scope="module")
async def in_the_way(
    arena: Arena, cluster: Server, database: str, role: str
) -> AsyncIterator[Circle]:
    """Have two sessions that lock the skills of the role in the opposite order."""
    needed = (await see(arena, "job_role", role))["required_skills"]
    ids = sorted(one["id"] for one in needed)
    async with circle(arena, cluster.url("superuser", database), ids) as found:
        yield found


class TestDeadlock:
    """40P01: a certifier locks what the role needs, others change it from the other end."""

    def certifying(self, arena: Arena, role: str) -> Callable[[], Awaitable[object]]:
        """Certify the role through the repository."""
        query = EntityStep("job_role", role, None, "certified", "because", None)
        context = arena.tenant.certifier.context
        return lambda: arena.repository.one(query, context, writes=True)

    @pytest.mark.parametrize("failures", [1, TRIES_MAX - 1])
    async def test_the_whole_transaction_is_repeated(
        self, arena: Arena, role: str, in_the_way: Circle, failures: int
    ) -> None:
        """Once the others have ended it is done, once."""
        before = await rows(arena.superuser, arena.tenant.id)
        sent = await in_the_way.close(self.certifying(arena, role), failures)
        await in_the_way.end()
        await sent
        after = await rows(arena.superuser, arena.tenant.id)

        assert failures == retries(arena.repository)
        assert "certified" == (await see(arena, "job_role", role))["status"]
        assert before.entries + 1 == after.entries

    async def test_there_is_a_last_try(self, arena: Arena, role: str, in_the_way: Circle) -> None:
        """Then it is 503 with the cause behind it, and nothing has changed."""
        before = await rows(arena.superuser, arena.tenant.id)
        unchanged = await see(arena, "job_role", role)
        sent = await in_the_way.close(self.certifying(arena, role), TRIES_MAX)
        with pytest.raises(Unavailable) as refused:
            await sent

        assert "40P01" == getattr(refused.value.__cause__, "sqlstate", None)
        assert (503, 1) == (refused.value.status, refused.value.retry_after_s)
        assert TRIES_MAX - 1 == retries(arena.repository)
        assert before == await rows(arena.superuser, arena.tenant.id)
        assert unchanged == await see(arena, "job_role", role)

    async def test_a_client_is_told_when_to_come_back(
        self, arena: Arena, cluster: Server, database: str, role: str, in_the_way: Circle
    ) -> None:
        """503 with Retry-After; /metrics counts the repetitions; later it is done."""
        path = f"{PATHS['job_role']}/{role}"
        etag = f'"{await etag_of(arena, "job_role", role)}"'
        async with Bench.open(cluster, database, arena.tenant, **PATIENT) as bench:
            certifier = bench.api.by(arena.tenant.certifier)
            certify = partial(certifier.step, path, "certified", etag)
            unavailable(await (await in_the_way.close(certify, TRIES_MAX)))
            counted = (await bench.api.get("/metrics")).body.decode()
            await in_the_way.end()
            later = await certify()

        assert TRIES_MAX - 1 == sum(float(number) for number in COUNTED.findall(counted))
        assert (200, "certified") == (later.status, later.json["status"])

    async def test_a_chunk_of_an_import_is_repeated(
        self, arena: Arena, cluster: Server, database: str
    ) -> None:
        """Each line is amended once, and the repetition is counted with the others."""
        names = [f"s{number}" for number in range(3)]
        await imported(arena.repository, arena.tenant, [line("skill", name) for name in names])
        ids = [
            str(row["id"])
            for row in await arena.superuser.fetch(
                "SELECT id FROM app.base_entity WHERE tenant_id = $1 ORDER BY id", arena.tenant.id
            )
        ]
        lines = [line("skill", name, tags=["changed"]) for name in names]
        async with circle(arena, cluster.url("superuser", database), ids) as in_the_way:
            run = partial(imported, arena.repository, arena.tenant, lines)
            sent = await in_the_way.close(run, 1)
            await in_the_way.end()
            outcome = await sent

        assert ["amended"] * 3 == outcome.outcomes
        assert {2} == {(await see(arena, "skill", one))["version"] for one in ids}
        assert 1 == retries(arena.repository)


def test_pauses_are_drawn_at_random_and_grow() -> None:
    """Between none and twice the mean, which doubles: no two losers meet again in step."""
    drawn = [[pause_s(attempt) for _ in range(1_000)] for attempt in range(1, TRIES_MAX)]

    for attempt, pauses in enumerate(drawn):
        most = 2 * RETRY_S * 2**attempt
        assert 0 <= min(pauses) < most / 10
        assert most * 9 / 10 < max(pauses) <= most
        assert len(set(pauses)) > 900
