"""Faults of one session: it is killed, stopped, left, run out of, or overtaken by a migration."""

import asyncio
import json
from typing import Any, Final

import asyncpg
import pytest

from service.errors import Unavailable
from service.repository.entities import CREATE, EntityById
from service.sqlstate import classify, retry_kind
from tests.bench import unavailable, until, waiting_backends
from tests.factories import Tenant, skill_body
from tests.faults.aftermath import Scene, ended, scene
from tests.faults.locks import READS, WRITES, holding
from tests.planted import AT_COMMIT, NOTHING_PLANTED
from tests.postgres import Server

SHORT: Final[dict[str, Any]] = {
    "request_timeout_ms": 400,
    "command_timeout_ms": 350,
    "statement_timeout_ms": 300,
    "lock_timeout_ms": 300,
}


async def test_exhaustion_is_503_within_the_deadline_and_passes(
    cluster: Server, database: str, tenant: Tenant
) -> None:
    """Writes beyond the pool are refused in time; reads have a pool of their own."""
    async with scene(cluster, database, tenant) as found:
        made = [(await found.api.made("skill"))["id"] for _ in range(2)]
        async with holding(found, WRITES) as session:
            first = [
                asyncio.create_task(found.api.patch(f"/v1/skills/{one}", {"tags": ["a"]}, "*"))
                for one in made
            ]
            await waiting_backends(session, 2)
            async with asyncio.timeout(2):
                late = await asyncio.gather(*(found.create() for _ in range(6)))
            assert 200 == (await found.api.get("/v1/skills")).status
        for answer in late:
            unavailable(answer)
        assert {200} == {answer.status for answer in await asyncio.gather(*first)}
        await found.whole()


@pytest.mark.parametrize("lock", [WRITES, READS])
async def test_a_back_end_terminated_in_the_middle_of_a_query(
    cluster: Server, database: str, tenant: Tenant, lock: str
) -> None:
    """The write is unknown, the read may be repeated, and both pools are as before."""
    async with scene(cluster, database, tenant) as found:
        async with holding(found, lock) as session:
            write = asyncio.create_task(found.create())
            tasks = [write]
            if lock == READS:
                tasks.append(asyncio.create_task(found.api.get("/v1/skills")))
            for pid in await waiting_backends(session, len(tasks)):
                await session.execute("SELECT pg_terminate_backend($1)", pid)
            answers = await asyncio.gather(*tasks)
        assert [504, 503][: len(tasks)] == [answer.status for answer in answers]
        await found.whole()


async def test_a_statement_timeout(cluster: Server, database: str, tenant: Tenant) -> None:
    """The server ends the statement; its session is kept and is clean."""
    async with scene(cluster, database, tenant, statement_timeout_ms=100) as found:
        async with holding(found, READS):
            answers = await asyncio.gather(found.create(), found.api.get("/v1/skills"))
        for answer in answers:
            unavailable(answer)
        await found.whole()


async def test_a_lock_timeout(cluster: Server, database: str, tenant: Tenant) -> None:
    """The server gives up waiting; its session is kept and is clean."""
    async with scene(cluster, database, tenant, lock_timeout_ms=100) as found:
        async with holding(found, WRITES):
            refused = await found.create()
        unavailable(refused)
        assert "being changed by others" in refused.json["detail"]
        await found.whole()


@pytest.mark.parametrize("what", ["idle", "busy"])
async def test_a_transaction_that_takes_too_long(
    cluster: Server, database: str, tenant: Tenant, what: str
) -> None:
    """transaction_timeout ends it whatever it does; nothing of it stays."""
    async with scene(cluster, database, tenant, **SHORT) as found:

        async def too_long() -> None:
            async with found.repository.pool.transaction() as connection:
                query = CREATE["skill"](json.dumps(skill_body(name="half")), None)
                await found.repository.one(query, tenant.author.context, connection=connection)
                if what == "idle":
                    await until(lambda: _closed(connection), bool)
                await _busy(connection, 100)

        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)) as caught:
            await too_long()
        assert isinstance(classify(caught.value), Unavailable)
        listed = await found.api.get("/v1/skills?name=half")
        assert [] == listed.json["items"]
        await found.whole()


async def test_work_that_is_long_on_purpose_has_a_clock_of_its_own(
    cluster: Server, database: str, tenant: Tenant
) -> None:
    """Longer than the session's transaction_timeout, and no longer than what it was given."""
    async with scene(cluster, database, tenant, **SHORT) as found:
        pool = found.repository.pool

        async def taking(timeout_ms: int, slices: int) -> None:
            async with pool.transaction(timeout_ms=timeout_ms) as connection:
                await _busy(connection, slices)

        await taking(60_000, 10)
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
            await taking(200, 7)
        await found.whole()


async def test_a_client_that_hangs_up(cluster: Server, database: str, tenant: Tenant) -> None:
    """What was begun for it ends; a write is whole or not there."""
    async with scene(cluster, database, tenant) as found:
        async with holding(found, READS) as session:
            tasks = [
                asyncio.create_task(found.create()),
                asyncio.create_task(found.api.get("/v1/skills")),
            ]
            await waiting_backends(session, 2)
            for task in tasks:
                await ended(task)
        await found.whole()


@pytest.mark.parametrize("what", ["read", "write", "rehearsal", "transaction"])
async def test_a_cancelled_task(cluster: Server, database: str, tenant: Tenant, what: str) -> None:
    """Its connection goes back clean, wherever it was, and nothing it did stays."""
    async with scene(cluster, database, tenant) as found:
        async with holding(found, READS) as session:
            task = asyncio.create_task(_work(found, tenant, what))
            await waiting_backends(session, 1)
            await ended(task)
        assert task.cancelled()
        listed = await found.api.get("/v1/skills?name=half")
        assert [] == listed.json["items"]
        await found.whole()


async def test_a_cancelled_wait_for_a_connection(
    cluster: Server, database: str, tenant: Tenant
) -> None:
    """Who gives up waiting is counted no longer, and takes no connection along."""
    async with scene(cluster, database, tenant, acquire_timeout_ms=5_000) as found:
        pool = found.repository.pool
        async with pool.connection(), pool.connection():
            task = asyncio.create_task(_work(found, tenant, "write"))
            await until(lambda: _waiters(found), lambda count: count == 1)
            await ended(task)
            assert 0 == await _waiters(found)
        await found.whole()


async def test_a_plan_invalidated_by_a_migration(
    cluster: Server, database: str, tenant: Tenant
) -> None:
    """Alone a statement is prepared again unseen; in a transaction it is one to try again whole."""
    async with scene(cluster, database, tenant) as found:
        made = await found.create()
        path = f"/v1/skills/{made.json['id']}"
        session = await found.superuser()
        pool, everything = found.repository.reads, "SELECT * FROM app.planned"
        await session.execute("CREATE TABLE app.planned AS SELECT 1 AS first")
        await session.execute("GRANT SELECT ON app.planned TO plant_app")

        async def in_transaction() -> int:
            async with pool.transaction() as connection:
                return len((await connection.fetch(everything))[0])

        try:
            assert {1} == set(await asyncio.gather(in_transaction(), in_transaction()))
            await session.execute("ALTER TABLE app.planned ADD COLUMN second text")
            await session.execute("ALTER TABLE app.base_entity ADD COLUMN later text")
            assert made.body == (await found.api.get(path)).body
            with pytest.raises(asyncpg.InvalidCachedStatementError) as caught:
                await in_transaction()
            assert "stale_plan" == retry_kind(caught.value)
            async with pool.connection() as connection:
                assert 2 == len((await connection.fetch(everything))[0])
        finally:
            await session.execute("DROP TABLE app.planned")
            await session.execute("ALTER TABLE app.base_entity DROP COLUMN IF EXISTS later")
            await session.close()
        assert made.body == (await found.api.get(path)).body
        await found.whole()


@pytest.mark.parametrize("code,kind", [("40001", "serialization_failure"), ("40P01", "deadlock")])
async def test_what_may_be_tried_again_is_and_is_counted_by_kind(
    cluster: Server, database: str, tenant: Tenant, code: str, kind: str
) -> None:
    """A write that fails twice at COMMIT is done at the third time, once."""
    async with scene(cluster, database, tenant) as found:
        session = await found.superuser()
        try:
            await session.execute(AT_COMMIT.format(code=code, times=2))
            try:
                answer = await found.create(name="planted")
            finally:
                await session.execute(NOTHING_PLANTED)
        finally:
            await session.close()
        assert 201 == answer.status
        assert {kind: 2} == dict(found.repository.retries)
        text = (await found.api.get("/metrics")).body.decode()
        assert f'plant_transaction_retries_total{{kind="{kind}"}} 2.0' in text
        await found.whole()


async def _work(found: Scene, tenant: Tenant, what: str) -> None:
    """Do something that can be held up by a lock."""
    repository, who = found.repository, tenant.author.context
    write = CREATE["skill"](json.dumps(skill_body(name="half")), None)
    if what == "read":
        await repository.maybe(EntityById("skill", str(tenant.id)), who)
    elif what == "write":
        await repository.one(write, who, writes=True)
    elif what == "rehearsal":
        await repository.rehearsed(write, who)
    else:
        async with repository.pool.transaction() as connection:
            await connection.execute("SELECT set_config('app.tenant_id', $1, TRUE)", str(tenant.id))
            await repository.one(write, who, connection=connection)


async def _busy(connection: asyncpg.Connection, slices: int) -> None:
    """Keep a session at work, a twentieth of a second at a time."""
    for _ in range(slices):
        await connection.execute("SELECT pg_sleep(0.05)")


async def _waiters(found: Scene) -> int:
    return found.repository.pool.statistics.waiting


async def _closed(connection: asyncpg.Connection) -> bool:
    return connection.is_closed()
