"""Properties 55 to 66: the pool, its gate, its counters, and what it survives."""

import asyncio
import json
import operator
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from service.catalog.load import Catalog
from service.database import postmaster
from service.database.embedded import EmbeddedServer, embedded_server
from service.database.pool import Pool
from service.database.roles import ensure_login_roles
from service.database.statistics import PoolStatistics
from service.database.target import Target
from service.errors import OutcomeUnknown, Problem, Unavailable
from service.migrate.runner import apply
from service.repository.base import Repository
from service.repository.entities import Document, EntityById, SkillAmend, SkillCreate
from service.settings import Settings, load
from tests.bench import until
from tests.factories import Tenant, amend, create, make_tenant, skill_body
from tests.postgres import Server
from tests.properties.conftest import Open
from tests.properties.contents import contents
from tests.proxy import Proxy
from tests.servers import settings_with_room
from tests.sessions import Connect, Connection, Savepoint, become, pid

BACKENDS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1"
STATES = """
SELECT count(*) FILTER (WHERE state = 'idle') AS idle,
    count(*) FILTER (WHERE state <> 'idle') AS in_use, count(*) AS size
FROM pg_stat_activity WHERE application_name = $1
"""
WAIT_MS = 300
PATIENT_MS = 20_000
"""Longer than anything takes that is no hang."""


@asynccontextmanager
async def lent(pool: Pool, count: int) -> AsyncIterator[list[Connection]]:
    """Have so many connections of a pool at once."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(pool.connection()) for _ in range(count)]


async def lend(pool: Pool) -> int:
    """Take a connection and give it back; tells its back end."""
    async with pool.connection() as connection:
        return pid(connection)


@pytest.fixture
def production() -> dict[str, int]:
    """Give the sizes of the production profile, read as an operator sets it."""
    found = load({"PLANT_PROFILE": "production"}, Path("/nowhere"))
    return {"pool_min": found.pool_min, "pool_max": found.pool_max}


async def test_pool_size_configuration(
    open_pool: Open, superuser: Connection, production: dict[str, int]
) -> None:
    """Restated: in the production profile 20 back ends stand ready from the start."""
    pool = await open_pool("production", **production)
    ready = await superuser.fetchval(BACKENDS, "plant production")
    development = load({}, Path("/nowhere"))

    assert (20, 20) == (pool.statistics.size, ready)
    assert (2, 11) == (development.pool_min, development.pool_max)


async def test_max_overflow_configuration(
    open_pool: Open, superuser: Connection, production: dict[str, int]
) -> None:
    """Restated: 40 more come when they are needed, and there is never a 61st back end."""
    pool = await open_pool("overflow", acquire_timeout_ms=PATIENT_MS, **production)
    async with lent(pool, 60) as connections:
        late = [asyncio.create_task(lend(pool)) for _ in range(5)]
        await until(statistics_of(pool), lambda seen: seen.waiting == 5)
        most = await superuser.fetchval(BACKENDS, "plant overflow")
        backends = {pid(connection) for connection in connections}
    served = set(await asyncio.gather(*late))

    assert (60, 60) == (len(backends), most)
    assert served <= backends
    assert (60, 0) == (pool.statistics.size, pool.statistics.timeouts)


async def test_concurrent_connection_acquisition(open_pool: Open) -> None:
    """Five tasks hold a connection at the same time, each another one, and all work."""
    pool = await open_pool(pool_max=5)
    full = asyncio.Barrier(5)

    async def work(number: int) -> tuple[int, int]:
        async with pool.connection() as connection:
            await full.wait()
            assert 5 == pool.statistics.in_use
            await full.wait()
            return pid(connection), await connection.fetchval("SELECT $1::integer", number)

    found = await asyncio.gather(*map(work, range(5)))

    assert 5 == len({backend for backend, _ in found})
    assert [0, 1, 2, 3, 4] == [number for _, number in found]


async def test_connection_reuse(open_pool: Open, superuser: Connection) -> None:
    """Who asks after another gets the same back end, as it was: no second one is started."""
    pool = await open_pool("reused", pool_min=1)
    backends = {await lend(pool) for _ in range(20)}
    async with pool.connection() as connection:
        started = await superuser.fetchval(
            "SELECT backend_start FROM pg_stat_activity WHERE pid = $1", pid(connection)
        )
        backends.add(pid(connection))
    again = await superuser.fetchval(
        "SELECT backend_start FROM pg_stat_activity WHERE application_name = 'plant reused'"
    )

    assert 1 == len(backends) == pool.statistics.size
    assert started == again


SLOW = {
    "the pool": ({"pool_max": 1, "acquire_timeout_ms": WAIT_MS}, Unavailable),
    "a lock": ({"lock_timeout_ms": WAIT_MS}, Unavailable),
    "a statement": ({"statement_timeout_ms": WAIT_MS}, Unavailable),
    "the network": ({"pool_max": 1, "command_timeout_ms": WAIT_MS}, OutcomeUnknown),
}


@pytest.mark.parametrize("what", SLOW)
async def test_connection_timeout_handling(
    app_url: str,
    open_pool: Open,
    catalog: Catalog,
    repository: Repository,
    connect: Connect,
    tenant: Tenant,
    what: str,
) -> None:
    """Whatever does not come within its deadline is refused, and the pool is whole again."""
    changed, expected = SLOW[what]
    made = await create(repository, tenant.author, "skill", skill_body())
    change = SkillAmend(str(made.id), None, '{"tags": ["a"]}')
    async with Proxy.to(app_url) as proxy, AsyncExitStack() as stack:
        pool = await open_pool(url=proxy.url, **changed)
        runner = Repository(catalog, pool)
        if what == "the pool":
            await stack.enter_async_context(lent(pool, 1))
        elif what == "the network":
            await lend(pool)
            proxy.losing = True
        else:
            await stack.enter_async_context(closed(await connect("superuser")))
        with pytest.raises(Problem) as caught:
            async with asyncio.timeout(PATIENT_MS / 1000):
                await runner.one(change, tenant.author.context, writes=True)
        proxy.losing = False
        await stack.aclose()
        again = await runner.one(change, tenant.author.context, writes=True)

        assert expected is type(caught.value)
        assert ["a"] == json.loads(again.document)["tags"]
        assert (0, what == "the pool") == (pool.statistics.in_use, pool.statistics.timeouts)


@asynccontextmanager
async def closed(session: Connection) -> AsyncIterator[None]:
    """Keep everybody from the entities."""
    async with session.transaction():
        await session.execute("LOCK TABLE app.base_entity IN ACCESS EXCLUSIVE MODE")
        yield


async def test_pool_exhaustion_handling(open_pool: Open) -> None:
    """Who comes when all are lent waits; beyond waiting_max they are refused at once."""
    pool = await open_pool(pool_max=2, waiting_max=3, acquire_timeout_ms=PATIENT_MS)
    async with lent(pool, 2):
        waiting = [asyncio.create_task(lend(pool)) for _ in range(3)]
        await until(statistics_of(pool), lambda seen: seen.waiting == 3)
        refused = await asyncio.gather(*(lend(pool) for _ in range(4)), return_exceptions=True)
        full = pool.statistics
    served = await asyncio.gather(*waiting)

    assert {Unavailable} == {type(result) for result in refused}
    assert (2, 0, 3, 4, 0) == (full.in_use, full.idle, full.waiting, full.refused, full.timeouts)
    assert 3 == len(served)
    assert (0, 0) == (pool.statistics.in_use, pool.statistics.waiting)
    assert await lend(pool)


def statistics_of(pool: Pool) -> Callable[[], Awaitable[PoolStatistics]]:
    """Ask a pool what it is doing."""

    async def found() -> PoolStatistics:
        return pool.statistics

    return found


FAULTS = {
    "a division": "SELECT 1 / 0",
    "a syntax error": "SELEC",
    "a refused right": "DELETE FROM audit.entry",
    "a broken constraint": "SELECT app.skill_create(ARRAY[uuidv7()], '{\"{}\"}', 'draft')",
    "an own cancellation": "SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(60)",
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("inside", [True, False], ids=["in a transaction", "alone"])
async def test_connection_cleanup_after_error(
    open_pool: Open, tenant: Tenant, fault: str, *, inside: bool
) -> None:
    """After a statement that fails the same back end serves on, with nothing of who had it."""
    pool = await open_pool(pool_min=1, pool_max=1)
    lender = pool.transaction if inside else pool.connection

    async def fail() -> None:
        async with lender() as connection:
            await become(connection, tenant.author)
            await connection.execute(FAULTS[fault])

    before = await lend(pool)
    with pytest.raises(asyncpg.PostgresError):
        await fail()
    async with pool.connection() as connection:
        left = await connection.fetchrow(
            "SELECT current_setting('app.tenant_id', TRUE), current_setting('app.key_id', TRUE),"
            " (SELECT count(*) FROM app.base_entity), count(*)"
            " FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'"
        )
        assert not connection.is_in_transaction()
        assert before == pid(connection)

    assert left
    assert (0, 0) == tuple(left)[2:]
    assert not any(tuple(left)[:2])
    assert (0, 1) == (pool.statistics.in_use, pool.statistics.idle)


async def test_session_lifecycle_connection_release(open_pool: Open, superuser: Connection) -> None:
    """After good ends, errors and cancellations alike nothing is lent and no session is busy."""
    pool = await open_pool("released", pool_max=4, acquire_timeout_ms=PATIENT_MS)

    async def use(number: int) -> None:
        async with pool.transaction() as connection:
            statement = ("SELECT 1", "SELECT 1 / 0", "SELECT pg_sleep(60)")[number % 3]
            await connection.execute(statement)

    tasks = [asyncio.create_task(use(number)) for number in range(12)]
    await asyncio.wait(tasks[:2])
    for task in tasks[2::3]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    seen = await superuser.fetchrow(STATES, "plant released")

    assert 4 == results.count(None)
    assert 4 == sum(isinstance(one, asyncpg.DivisionByZeroError) for one in results)
    assert 4 == sum(isinstance(one, asyncio.CancelledError) for one in results)
    assert (0, 0) == (pool.statistics.in_use, pool.statistics.waiting)
    assert seen
    assert (pool.statistics.size, 0) == (seen["idle"], seen["in_use"])


async def test_nested_transaction_connection_reuse(
    open_pool: Open, catalog: Catalog, tenant: Tenant
) -> None:
    """A transaction within one runs on its back end, and undoes only itself."""
    pool = await open_pool(pool_max=1)
    runner = Repository(catalog, pool)
    context = tenant.author.context
    backends, made = [], []

    async def nested(held: Connection, *, good: bool) -> None:
        async with pool.transaction(held=held) as inner:
            backends.append(pid(inner))
            query = SkillCreate(json.dumps(skill_body()))
            made.append((await runner.one(query, context, connection=inner)).id)
            assert 1 == pool.statistics.in_use
            if not good:
                raise ZeroDivisionError

    async with pool.transaction() as outer:
        backends.append(pid(outer))
        await nested(outer, good=True)
        with pytest.raises(ZeroDivisionError):
            await nested(outer, good=False)
    found = [await runner.maybe(EntityById("skill", str(one)), context) for one in made]

    assert 1 == len(set(backends))
    assert [True, False] == [one is not None for one in found]
    assert 1 == pool.statistics.size


async def test_pool_monitoring_metrics(open_pool: Open, superuser: Connection) -> None:
    """Size, idle, in use, waiting, refused and timeouts are what the server and the callers see."""
    pool = await open_pool(
        "counted", pool_min=2, pool_max=3, waiting_max=1, acquire_timeout_ms=1_000
    )

    async def compared() -> PoolStatistics:
        there = await superuser.fetchrow(STATES, "plant counted")
        found = pool.statistics
        assert there
        assert (there["size"], there["idle"], there["in_use"]) == (
            found.size,
            found.idle,
            found.in_use,
        )
        return found

    assert (2, 2, 0) == _sizes(await compared())
    async with pool.transaction() as one:
        await one.execute("SELECT 1")
        assert (2, 1, 1) == _sizes(await compared())
        async with pool.transaction() as two, pool.transaction() as three:
            for connection in (two, three):
                await connection.execute("SELECT 1")
            assert (3, 0, 3) == _sizes(await compared())
            waiting = asyncio.create_task(lend(pool))
            await until(statistics_of(pool), lambda seen: seen.waiting == 1)
            with pytest.raises(Unavailable):
                await lend(pool)
            with pytest.raises(Unavailable):
                await waiting
    last = await compared()

    assert (3, 3, 0) == _sizes(last)
    assert (0, 1, 1) == (last.waiting, last.refused, last.timeouts)


def _sizes(seen: PoolStatistics) -> tuple[int, int, int]:
    return seen.size, seen.idle, seen.in_use


MAKE = "SELECT app.skill_create(ARRAY[uuidv7()], ARRAY[$1::jsonb], 'draft')"
WRITES = {
    "UPDATE app.base_entity SET description = 'x'": (),
    MAKE: (json.dumps(skill_body()),),
    "SELECT app.entity_step('skill', uuidv7(), NULL, 'archived', 'r', NULL)": (),
    "DELETE FROM audit.entry": (),
    "DELETE FROM app.entity_tag": (),
    "CREATE TABLE app.own (id integer)": (),
    "SELECT nextval('audit.pending_seq_seq')": (),
}


async def test_readonly_vs_readwrite_pooling(
    cluster: Server,
    database: str,
    open_pool: Open,
    repository: Repository,
    superuser: Connection,
    tenant: Tenant,
) -> None:
    """A pool of plant_readonly has back ends of its own, reads the tenant and writes nothing."""
    await create(repository, tenant.author, "skill", skill_body())
    before = await contents(superuser, tenant)
    writing = await open_pool()
    reading = await open_pool("readonly", url=cluster.url("readonly", database))
    async with reading.transaction() as reader, writing.transaction() as writer:
        apart = {pid(reader), pid(writer)}
        await become(reader, tenant.author)
        rows = await reader.fetchval("SELECT count(*) FROM app.base_entity")
        refused = {await Savepoint(reader).state(one, *given) for one, given in WRITES.items()}
        await become(writer, tenant.author)
        allowed = await Savepoint(writer).state(MAKE, *WRITES[MAKE])
        await writer.execute("SET TRANSACTION READ ONLY")
        shut = await Savepoint(writer).state(MAKE, *WRITES[MAKE])

    assert 2 == len(apart)
    assert 1 == rows
    assert {"42501"} == refused
    assert (None, "25006") == (allowed, shut)
    assert before == await contents(superuser, tenant)


@pytest.fixture
def own_server() -> Iterator[EmbeddedServer]:
    """Have a migrated server that may be killed."""
    with settings_with_room() as settings, embedded_server(settings) as server:
        apply(server.url("plant_owner"))
        ensure_login_roles(settings, Target(settings))
        yield server


def alive(process: int) -> bool:
    """Tell whether a process runs; one that only waits to be collected does not."""
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except OSError:
        return False


async def any_alive(processes: set[int]) -> bool:
    """Tell whether one of them runs."""
    return any(map(alive, processes))


def kill(process: int) -> None:
    """End a process as a crash does."""
    os.kill(process, signal.SIGKILL)


async def restart(server: EmbeddedServer) -> None:
    """Stop the server as an operator does, and start it."""
    await asyncio.to_thread(postmaster.stop, server.place)


async def crash(server: EmbeddedServer) -> None:
    """Kill the server's first process, and with it all."""
    found = server.running()
    assert found
    kill(found.pid)


async def lose_one(server: EmbeddedServer) -> None:
    """Kill one back end: the server ends all others and recovers."""
    async with superuser_of(server) as connection:
        kill(
            await connection.fetchval(
                "SELECT min(pid) FROM pg_stat_activity WHERE application_name = 'plant app'"
            )
        )


async def end_all(server: EmbeddedServer) -> None:
    """End every back end of the pool, as a DBA does."""
    async with superuser_of(server) as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE application_name = 'plant app'"
        )


@asynccontextmanager
async def superuser_of(server: EmbeddedServer) -> AsyncIterator[Connection]:
    """Connect as a DBA; the session may be lost with the server."""
    connection = await asyncpg.connect(server.url("postgres"))
    try:
        yield connection
    finally:
        connection.terminate()


async def test_connection_pool_recovery_after_db_restart(
    own_server: EmbeddedServer, catalog: Catalog, settings: Settings
) -> None:
    """Ended, crashed or restarted, the server is found again by the same pool; nothing is lost."""
    owner = Repository(catalog, Pool(own_server.url("plant_owner"), settings, name="owner"))
    await owner.pool.open()
    tenant = await make_tenant(owner)
    await owner.pool.close()
    runner = Repository(catalog, Pool(own_server.url("plant_app"), settings))
    await runner.pool.open()
    made = await create(runner, tenant.author, "skill", skill_body())

    async def read() -> Document | None:
        try:
            query = EntityById("skill", str(made.id))
            return await runner.maybe(query, tenant.author.context)
        except Unavailable:
            # As the service's own watch does it; the first look may come before the end.
            await asyncio.to_thread(own_server.revive)
            return None

    for lose in (end_all, lose_one, restart, crash):
        async with lent(runner.pool, 3) as before:
            backends = {pid(connection) for connection in before}
        await lose(own_server)
        # Until the last of them is gone it may answer, as if nothing had happened.
        await until(partial(any_alive, backends), operator.not_)
        while (found := await read()) is None:
            continue
        assert made.document == found.document
        async with lent(runner.pool, 3) as after:
            assert not backends & {pid(connection) for connection in after}
        made = await amend(runner, tenant.author, "skill", made.id, {"tags": [lose.__name__]})
        assert (0, 0) == (runner.pool.statistics.in_use, runner.pool.statistics.waiting)
    await runner.pool.close()

    assert 5 == made.version
