"""The pools of a service: their shares, and the deadlines and rights of their sessions."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from msgspec import structs

from service.database.pool import Pool
from service.database.shares import shares
from service.errors import Unavailable
from service.repository.base import Repository
from service.repository.entities import CREATE, EntityById
from service.settings import RULES, Settings, load
from service.usecases import exporting, import_session
from service.usecases.import_session import Session
from tests.bench import SMALL, until
from tests.edge import Served, served
from tests.factories import Tenant, create, skill_body
from tests.postgres import Server

COUNT = """
SELECT application_name, count(*) AS sessions FROM pg_stat_activity
WHERE datname = $1 AND usename = 'plant_app' AND application_name LIKE 'plant app %'
GROUP BY application_name
"""
ASKING = 40
CHOSEN = structs.replace(SMALL, request_timeout_ms=6_500)


@pytest_asyncio.fixture(loop_scope="module")
async def service(cluster: Server, database: str) -> AsyncIterator[Served]:
    """Have a service with six connections: two for writes, two for reads."""
    async with served(CHOSEN, cluster.url("app", database)) as found:
        yield found


@pytest.mark.parametrize("profile,least,most", [("development", 2, 11), ("production", 20, 60)])
def test_sizes_of_the_profiles(profile: str, least: int, most: int) -> None:
    """Where the operator set nothing the shares add up to the profile's minimum and maximum."""
    found = shares(load({"PLANT_PROFILE": profile}))

    pools = (found.write, found.read, found.worker)
    assert least == sum(pool.pool_min for pool in pools)
    assert most == sum(pool.pool_max for pool in pools)
    assert 0 == found.replica.pool_min


@pytest.mark.parametrize("most", range(4, 70))
def test_shares_never_add_up_to_more(most: int) -> None:
    """Whatever the maximum: every pool has a connection, and together they are the maximum."""
    for least in {0, 1, 2, most // 2, most}:
        found = shares(Settings(pool_min=least, pool_max=most))
        pools = (found.write, found.read, found.worker)
        assert most == sum(pool.pool_max for pool in pools)
        assert all(1 <= pool.pool_max and pool.pool_min <= pool.pool_max for pool in pools)
        assert found.write.pool_max - found.read.pool_max in {0, 1}


@pytest.mark.parametrize("most", range(6, 70))
def test_what_takes_long_leaves_a_connection_to_others(most: int) -> None:
    """With every size that a service may have: keys are looked up beside imports."""
    RULES["pool_max"].read(str(most))
    found = shares(Settings(pool_max=most))

    assert 1 <= import_session.at_once(found.write.pool_max) < found.write.pool_max
    assert 1 <= exporting.at_once(found.read.pool_max) < found.read.pool_max


@pytest.mark.parametrize(
    "most,imports,exports", [(6, 1, 1), (8, 1, 2), (9, 2, 2), (11, 3, 2), (13, 4, 2), (60, 4, 2)]
)
def test_how_many_imports_and_exports_run(most: int, imports: int, exports: int) -> None:
    """As docs/operations.md says: of the eleven connections of the default three imports."""
    found = shares(Settings(pool_max=most))

    assert imports == import_session.at_once(found.write.pool_max)
    assert exports == exporting.at_once(found.read.pool_max)


async def test_never_a_61st_back_end(
    cluster: Server, database: str, superuser: asyncpg.Connection
) -> None:
    """In the production profile, when more ask at once than there are connections."""
    settings = structs.replace(
        load({"PLANT_PROFILE": "production"}), acquire_timeout_ms=60_000, waiting_max=1_000
    )
    async with served(settings, cluster.url("app", database)) as found:
        rows = await _count(superuser, database)
        least = {row["application_name"]: row["sessions"] for row in rows}
        seen, enough = [], asyncio.Event()
        pools = (found.repository.pool, found.repository.reads)

        async def held(pool: Pool) -> None:
            async with pool.connection():
                await enough.wait()

        async def lent() -> tuple[int, int]:
            both = [pool.statistics for pool in pools]
            # Counted after what is lent: a session that is lent is there.
            seen.append(sum(row["sessions"] for row in await _count(superuser, database)))
            return sum(one.in_use for one in both), sum(one.waiting for one in both)

        asked = [asyncio.create_task(held(pool)) for pool in pools for _ in range(ASKING)]
        await until(lent, lambda counts: counts == (58, 2 * ASKING - 58))
        enough.set()
        await asyncio.gather(*asked)

    assert {"plant app write": 10, "plant app read": 10} == least
    assert 58 == max(seen)


async def test_sessions_have_every_deadline(service: Served) -> None:
    """What the settings say is what the server goes by, in either pool."""
    expected = {
        "statement_timeout": "4s",
        "lock_timeout": "3s",
        "transaction_timeout": "6500ms",
        "idle_in_transaction_session_timeout": "6500ms",
        "default_transaction_isolation": "read committed",
    }
    repository = service.repository
    for pool, name, read_only in (
        (repository.pool, "plant app write", "off"),
        (repository.reads, "plant app read", "on"),
    ):
        async with pool.connection() as connection:
            found = {one: await connection.fetchval(f"SHOW {one}") for one in expected}
            assert expected == found
            assert name == await connection.fetchval("SHOW application_name")
            assert read_only == await connection.fetchval("SHOW default_transaction_read_only")


async def test_a_host_that_vanished_is_given_up(service: Served) -> None:
    """The server looks after a silent client; over a socket it only notes what was asked."""
    query = "SELECT name, reset_val FROM pg_settings WHERE name ~ '^tcp_'"
    repository = service.repository
    for pool in (repository.pool, repository.reads):
        async with pool.connection() as connection:
            found = dict(await connection.fetch(query))
        idle, interval, count = (
            int(found[f"tcp_keepalives_{name}"]) for name in ("idle", "interval", "count")
        )
        assert 90 == idle + interval * count
        assert 90_000 == int(found["tcp_user_timeout"])


async def test_the_pool_for_reads_refuses_every_change(service: Served, tenant: Tenant) -> None:
    """Also a write function of the catalogue, and also inside a transaction."""
    who, repository = tenant.author.context, service.repository
    query = CREATE["skill"](_body(), None)
    async with repository.reads.connection() as connection:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await repository.one(query, who, connection=connection)
    with pytest.raises(Unavailable):
        await repository.one(query, who)
    written = await repository.one(query, who, writes=True)
    assert await repository.maybe(EntityById("skill", str(written.id)), who)


async def test_reads_and_writes_go_each_over_their_own_pool(
    service: Served, tenant: Tenant, repository: Repository
) -> None:
    """While all connections for writes are lent reads go on, and the other way round."""
    who, found = tenant.author.context, service.repository
    made = await create(repository, tenant.author, "skill", skill_body())
    query = EntityById("skill", str(made.id))
    for pool, reads in ((found.pool, True), (found.reads, False)):
        async with AsyncExitStack() as stack:
            for _ in range(pool.size_max):
                await stack.enter_async_context(pool.connection())
            if reads:
                assert await found.maybe(query, who) is not None
                with pytest.raises(Unavailable):
                    await found.one(CREATE["skill"](_body(), None), who, writes=True)
            else:
                await found.one(CREATE["skill"](_body(), None), who, writes=True)
                with pytest.raises(Unavailable):
                    await found.maybe(query, who)


def test_as_many_as_there_are_connections_are_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """At whatever pace: nobody is refused at the entrance who would find a connection."""
    pool = Pool("", CHOSEN)
    entrance = pool.entrance
    now = 0.0
    monkeypatch.setattr(entrance, "_clock", lambda: now)
    under_way = [entrance.enter() for _ in range(pool.size_max + 2)]
    for _ in range(60):
        under_way.append(entrance.enter())
        now += 0.03
        entrance.leave(under_way.pop(0), served=True)
    assert entrance.full
    while under_way:
        entrance.leave(under_way.pop(0), served=True)
        assert entrance.full == (len(under_way) > pool.size_max)


async def test_imports_leave_connections_to_other_writes(service: Served, tenant: Tenant) -> None:
    """With two connections for writes there is one import at a time, whoever asks."""
    who, repository = tenant.author.context, service.repository
    async with Session(repository, who, uuid4()).kept():
        second = Session(repository, tenant.certifier.context, uuid4()).kept()
        with pytest.raises(Unavailable, match="One import is running"):
            await second.__aenter__()
        await repository.one(CREATE["skill"](_body(), None), who, writes=True)


async def test_a_demoted_primary_is_left(cluster: Server, database: str, tenant: Tenant) -> None:
    """A write that meets a server that takes none any more ends the use of its connections."""
    async with served(CHOSEN, cluster.url("app", database)) as found:
        pool, who = found.repository.pool, tenant.author.context
        query = CREATE["skill"](_body(), None)
        async with AsyncExitStack() as stack:
            for _ in range(pool.size_max):
                connection = await stack.enter_async_context(pool.connection())
                await connection.execute("SET default_transaction_read_only = on")
        with pytest.raises(Unavailable):
            await found.repository.one(query, who, writes=True)
        for _ in range(pool.size_max):
            await found.repository.one(CREATE["skill"](_body(), None), who, writes=True)


async def _count(superuser: asyncpg.Connection, database: str) -> list[asyncpg.Record]:
    return await superuser.fetch(COUNT, database)


def _body() -> str:
    return json.dumps(skill_body())
