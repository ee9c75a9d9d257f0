"""Reads that go together: each gets its own answer, and none meets another's tenant or fault."""

import asyncio
import gc
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from msgspec import structs

from service.catalog import statement
from service.catalog.load import load
from service.database.batcher import BATCH_MAX, PAGES_MAX
from service.database.pool import Pool
from service.errors import Problem, Unavailable
from service.repository.base import Repository
from service.repository.entities import EntitiesById, EntityById
from service.repository.lists import LAST_ID, listed
from service.settings import Settings
from tests.bench import until
from tests.factories import Actor, Tenant, create, make_tenant, skill_body
from tests.postgres import Server
from tests.sessions import Connection

SMALL = Settings(
    pool_min=1,
    pool_max=2,
    acquire_timeout_ms=5_000,
    lock_timeout_ms=8_000,
    statement_timeout_ms=9_000,
    command_timeout_ms=10_000,
    request_timeout_ms=11_000,
)
LEFT = "SELECT current_setting('app.tenant_id', TRUE)"
KILL = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = 'plant together' AND datname = current_database() AND state = 'active'
"""
WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE application_name = 'plant together' AND datname = current_database()
AND wait_event_type = 'Lock'
"""

Skill = tuple[Actor, str]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def tenants(owner: Repository) -> list[Tenant]:
    """Have several tenants."""
    return [await make_tenant(owner) for _ in range(4)]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def skills(repository: Repository, tenants: list[Tenant]) -> list[Skill]:
    """Have a few drafts of each, and whose they are."""
    return [
        (tenant.author, str((await create(repository, tenant.author, "skill", skill_body())).id))
        for tenant in tenants
        for _ in range(5)
    ]


@asynccontextmanager
async def reading(url: str, **settings: int) -> AsyncIterator[tuple[Repository, Pool]]:
    """Have a repository over a small pool, of which reads, or creations, take one connection."""
    pool = Pool(url, structs.replace(SMALL, **settings), name="together")
    await pool.open()
    try:
        yield Repository(load(), pool), pool
    finally:
        await pool.close()


@pytest_asyncio.fixture(loop_scope="module")
async def together(cluster: Server, database: str) -> AsyncIterator[tuple[Repository, Pool]]:
    """Have such a repository."""
    async with reading(cluster.url("app", database)) as found:
        yield found


@asynccontextmanager
async def locked(superuser: Connection) -> AsyncIterator[None]:
    """Keep everybody from reading entities."""
    async with superuser.transaction():
        await superuser.execute("LOCK TABLE app.base_entity IN ACCESS EXCLUSIVE MODE")
        yield


async def blocked(superuser: Connection) -> None:
    """Wait until a read waits for that lock."""

    async def found() -> int:
        await superuser.execute("SELECT pg_stat_clear_snapshot()")
        return int(await superuser.fetchval(WAITING))

    await until(found, lambda count: count > 0)


async def at_rest(pool: Pool) -> None:
    """Wait until nobody has a connection or waits for one."""

    async def found() -> tuple[int, int]:
        return pool.statistics.in_use, pool.statistics.waiting

    await until(found, lambda busy: busy == (0, 0))


async def read(repository: Repository, actor: Actor, identity: str) -> bool:
    """Say whether an entity is seen, and make sure that it is this one."""
    found = await repository.maybe(EntityById("skill", identity), actor.context)
    assert found is None or f'"id":"{identity}"' in found.document
    return found is not None


async def test_each_of_many_gets_its_own(
    together: tuple[Repository, Pool], skills: list[Skill]
) -> None:
    """Own ones, others' and none, in any order: what is whose is told apart in every batch."""
    repository, pool = together
    chance = random.Random(5)
    asked = [
        (chance.choice(skills)[0], chance.choice([*(one for _, one in skills), str(uuid4())]))
        for _ in range(2_000)
    ]
    seen = await asyncio.gather(*(read(repository, actor, one) for actor, one in asked[:200]))
    for start in range(200, 2_000, 200):
        seen += await asyncio.gather(
            *(read(repository, actor, one) for actor, one in asked[start : start + 200])
        )
    mine = {(actor.context.tenant_id, one) for actor, one in skills}

    assert [(actor.context.tenant_id, one) in mine for actor, one in asked] == seen
    assert 2_000 == repository.batcher.read
    assert repository.batcher.sent < 2_000 / 10
    async with pool.connection() as connection:
        assert "" == await connection.fetchval(LEFT)


async def page(repository: Repository, actor: Actor, count: int) -> list[str]:
    """List the newest skills of an agent."""
    rows = await listed(repository, actor.context, "skill", {}, (LAST_ID,), count, 1)
    assert all(row.document and f'"id":"{row.id}"' in row.document for row in rows)
    return [str(row.id) for row in rows]


async def several(repository: Repository, actor: Actor, ids: list[str]) -> list[str]:
    """Find those of some ids that are seen."""
    return [str(row.id) for row in await repository.many(EntitiesById(ids), actor.context)]


async def test_each_of_many_gets_its_own_page(
    together: tuple[Repository, Pool], skills: list[Skill], tenant: Tenant
) -> None:
    """Of any length, empty ones too, among reads of one and of several."""
    repository, pool = together
    chance = random.Random(9)
    nobody, everything = tenant.author, sorted(one for _, one in skills)
    own: dict[str, list[str]] = {actor.context.tenant_id: [] for actor, _ in skills}
    for actor, one in skills:
        own[actor.context.tenant_id].insert(0, one)
    asked, wanted, found = [], [], list[list[str]]()
    for _ in range(300):
        actor, count = (
            chance.choice([*(actor for actor, _ in skills), nobody]),
            chance.choice([1, 3, 9]),
        )
        theirs = own.get(actor.context.tenant_id, [])
        asked += [page(repository, actor, count), several(repository, actor, everything)]
        wanted += [theirs[:count], sorted(theirs)]
        asked.append(several(repository, actor, theirs[:1]))
        wanted.append(theirs[:1])

    for start in range(0, 900, 90):
        found += await asyncio.gather(*asked[start : start + 90])

    assert wanted == found
    assert 900 == repository.pages.read
    assert repository.pages.sent < 900 / 4
    async with pool.connection() as connection:
        assert "" == await connection.fetchval(LEFT)


async def test_a_page_with_more_than_goes_together_goes_alone(
    cluster: Server, database: str, skills: list[Skill], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is whole all the same."""
    actor, one = skills[0]
    monkeypatch.setattr(statement, "TOGETHER_BYTES", 1_500)
    async with reading(cluster.url("app", database)) as (repository, _):
        found = await asyncio.gather(*(page(repository, actor, n) for n in (1, 1, 5, 1, 5, 1)))

        assert [1, 1, 5, 1, 5, 1] == [len(each) for each in found]
        assert found[2][-1:] == [one]
        # The first alone, five together, two of which alone again.
        assert (1 + 1 + 2, 1 + 5 + 2) == (repository.pages.sent, repository.pages.read)


async def test_few_pages_go_together(
    together: tuple[Repository, Pool], skills: list[Skill], superuser: Connection
) -> None:
    """Whoever waits for the next batch waits for no more than these."""
    repository, _ = together
    actor, _ = skills[0]
    async with locked(superuser):
        tasks = [asyncio.create_task(page(repository, actor, 5)) for _ in range(1 + 3 * PAGES_MAX)]
        await blocked(superuser)
    await asyncio.gather(*tasks)

    assert (4, 1 + 3 * PAGES_MAX) == (repository.pages.sent, repository.pages.read)


async def test_one_alone_goes_at_once(
    together: tuple[Repository, Pool], skills: list[Skill]
) -> None:
    """A trip for each; nobody waits for company."""
    repository, _ = together
    for actor, one in skills:
        assert await read(repository, actor, one)

    assert len(skills) == repository.batcher.sent == repository.batcher.read


async def test_one_that_fails_spoils_no_other(
    together: tuple[Repository, Pool], skills: list[Skill]
) -> None:
    """It gets its own fault; all others get their answers."""
    repository, _ = together
    actor, one = skills[0]
    bad = structs.replace(actor.context, tenant_id="no uuid")
    unheard: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, event: unheard.append(event))
    reads = [
        repository.maybe(EntityById("skill", one), bad if place == 7 else actor.context)
        for place in range(20)
    ]
    found = await asyncio.gather(*reads, return_exceptions=True)

    gc.collect()
    asyncio.get_running_loop().set_exception_handler(None)

    assert isinstance(found[7], Problem | asyncpg.PostgresError)
    assert [] == unheard
    assert all(
        not isinstance(each, BaseException) and each is not None
        for place, each in enumerate(found)
        if place != 7
    )


async def test_whoever_goes_away_takes_nobody_along(
    together: tuple[Repository, Pool], skills: list[Skill], superuser: Connection
) -> None:
    """The one that has the connection, and some of those who wait for it."""
    repository, pool = together
    actor, one = skills[0]
    async with locked(superuser):
        tasks = [asyncio.create_task(read(repository, actor, one)) for _ in range(30)]
        await blocked(superuser)
        gone = [tasks[0], *tasks[10:20]]
        for task in gone:
            task.cancel()
        await asyncio.wait(gone)
    stayed = await asyncio.gather(*(task for task in tasks if task not in gone))

    assert [True] * 19 == stayed
    assert all(task.cancelled() for task in gone)
    assert await read(repository, actor, one)
    # The first was sent when it went away; the other ten never were.
    assert 1 + 19 + 1 == repository.batcher.read
    await at_rest(pool)


async def test_a_batch_that_is_cut_off_is_read_again(
    together: tuple[Repository, Pool], skills: list[Skill], superuser: Connection
) -> None:
    """The back end is killed with the first in its hands, which is told, and with a batch."""
    repository, pool = together
    actor, one = skills[0]
    async with locked(superuser):
        tasks = [asyncio.create_task(read(repository, actor, one)) for _ in range(10)]
        for _ in range(2):
            await blocked(superuser)
            await superuser.fetch(KILL)

    first, *others = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(first, Unavailable)
    assert [True] * 9 == others
    await at_rest(pool)


async def test_no_connection_is_told_to_all_who_wait(
    cluster: Server, database: str, skills: list[Skill]
) -> None:
    """Within the deadline, once each; and it passes."""
    actor, one = skills[0]
    async with reading(cluster.url("app", database), acquire_timeout_ms=200) as (repository, pool):
        async with pool.connection(), pool.connection():
            found = await asyncio.gather(
                *(read(repository, actor, one) for _ in range(12)), return_exceptions=True
            )

        assert {Unavailable} == set(map(type, found))
        assert len({id(each) for each in found}) == 12
        assert await read(repository, actor, one)
        await at_rest(pool)


async def test_a_queue_has_its_bound(cluster: Server, database: str, skills: list[Skill]) -> None:
    """One more is refused at once; those who wait are counted, and served in the end."""
    actor, one = skills[0]
    async with reading(cluster.url("app", database), waiting_max=3) as (repository, pool):
        async with pool.connection(), pool.connection():
            tasks = [asyncio.create_task(read(repository, actor, one)) for _ in range(3)]
            await until(_waiting(pool), lambda waiting: waiting == 3)
            with pytest.raises(Unavailable):
                await read(repository, actor, one)
        served = await asyncio.gather(*tasks)

        assert [True] * 3 == served
        assert (0, 1) == (pool.statistics.waiting, pool.statistics.refused)


async def test_a_batch_has_its_bound(
    together: tuple[Repository, Pool], skills: list[Skill], superuser: Connection
) -> None:
    """Documents of so many are in memory together, and no more."""
    repository, _ = together
    actor, one = skills[0]
    async with locked(superuser):
        tasks = [
            asyncio.create_task(read(repository, actor, one)) for _ in range(1 + 3 * BATCH_MAX)
        ]
        await blocked(superuser)
    await asyncio.gather(*tasks)

    assert (4, 1 + 3 * BATCH_MAX) == (repository.batcher.sent, repository.batcher.read)


async def test_storms_of_reads_and_departures_leave_nothing(
    together: tuple[Repository, Pool], skills: list[Skill], superuser: Connection
) -> None:
    """Random tenants, cancellations at any moment, killed back ends: no foreign row, no setting."""
    repository, pool = together
    chance = random.Random(7)
    tasks = []
    for place in range(1_500):
        actor, one = chance.choice(skills)[0], chance.choice(skills)[1]
        tasks.append(asyncio.create_task(read(repository, actor, one)))
        if not chance.randrange(3):
            chance.choice(tasks).cancel()
        if not chance.randrange(25):
            await asyncio.gather(*tasks[-25:], return_exceptions=True)
        if place % 300 == 150:
            await superuser.fetch(KILL)
    found = await asyncio.gather(*tasks, return_exceptions=True)
    wrong = [one for one in found if isinstance(one, Exception)]

    assert [] == [one for one in wrong if not isinstance(one, Problem)]
    assert sum(one is True for one in found) > 100
    with suppress(Unavailable):
        await read(repository, *skills[0])
    await at_rest(pool)
    async with pool.connection() as connection:
        assert "" == await connection.fetchval(LEFT)


def _waiting(pool: Pool):  # type: ignore[no-untyped-def] # noqa: ANN202 - a coroutine function
    async def found() -> int:
        return pool.statistics.waiting

    return found
