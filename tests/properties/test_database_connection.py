"""Properties 1 to 12: the connection, the base table, and what is written comes back."""

import asyncio
import json
import time
from functools import partial
from typing import Any

import asyncpg
import pytest

from service.database.pool import Pool
from service.errors import Unavailable
from service.repository.base import One, Repository
from service.repository.entities import EntityById, SkillCreate, Written
from service.settings import Settings
from tests.bench import until
from tests.factories import (
    Tenant,
    amend,
    create,
    document,
    make_world,
    skill_body,
    step,
)
from tests.postgres import Server
from tests.properties.bodies import body_of
from tests.properties.conftest import Open
from tests.properties.contents import contents
from tests.properties.silence import silent
from tests.proxy import Proxy
from tests.reviewed import BASE_ENTITY, SECTIONS
from tests.sessions import Connection, pid

WAIT_MS = 300
BACKENDS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1"
GIVEN = {
    "application_name": "plant app",
    "statement_timeout": "1500ms",
    "lock_timeout": "700ms",
    "idle_in_transaction_session_timeout": "2s",
    "default_transaction_isolation": "read committed",
    "jit": "off",
    "enable_seqscan": "off",
}


async def test_async_engine_created(open_pool: Open) -> None:
    """The pool connects as plant_app, and every session has the deadlines of the settings."""
    pool = await open_pool(
        statement_timeout_ms=1_500,
        lock_timeout_ms=700,
        command_timeout_ms=1_800,
        request_timeout_ms=2_000,
    )
    async with pool.connection() as connection:
        found = {name: await connection.fetchval(f"SHOW {name}") for name in GIVEN}
        who = await connection.fetchrow(
            "SELECT session_user::text, current_user::text, rolsuper OR rolbypassrls AS above"
            " FROM pg_roles WHERE rolname = session_user"
        )
        with pytest.raises(asyncpg.LockNotAvailableError):
            await _locked_out(connection, open_pool)

    assert found == GIVEN
    assert who
    assert ("plant_app", "plant_app", False) == tuple(who)


async def _locked_out(connection: asyncpg.Connection, open_pool: Open) -> None:
    other = await open_pool()
    async with other.transaction() as held:
        await held.execute("SELECT pg_advisory_xact_lock(1)")
        await connection.execute("SELECT pg_advisory_xact_lock(1)")


async def test_pgvector_extension_loaded(superuser: Connection) -> None:
    """The catalogue has the extension vector, in schema public, and its operators work."""
    row = await superuser.fetchrow(
        "SELECT extversion, extnamespace::regnamespace::text AS schema FROM pg_extension"
        " WHERE extname = 'vector'"
    )
    distance = await superuser.fetchval("SELECT '[3,4]'::public.vector <-> '[0,0]'::public.vector")

    assert row
    assert (0, 7) <= tuple(map(int, row["extversion"].split(".")[:2]))
    assert ("public", 5.0) == (row["schema"], distance)


async def test_uuid_ossp_extension_loaded(repository: Repository, tenant: Tenant) -> None:
    """Restated: ids are made by PostgreSQL's own generator, are UUIDv7, distinct, and rise."""
    async with repository.pool.connection() as connection:
        made = await connection.fetch("SELECT uuidv7() AS id FROM generate_series(1, 1000)")
        random = await connection.fetchval("SELECT uuid_extract_version(gen_random_uuid())")
    ids = [row["id"] for row in made]
    stored = [(await create(repository, tenant.author, "skill", skill_body())).id for _ in range(3)]

    assert sorted(set(ids)) == ids
    assert 4 == random
    assert sorted(stored) == stored
    assert {7} == {one.version for one in [*ids, *stored]}


async def test_base_entity_table_created(superuser: Connection) -> None:
    """app.base_entity is plant_owner's table, keyed by tenant and id, in seven sections."""
    row = await superuser.fetchrow(
        """
        SELECT relkind::text AS kind, relpersistence::text AS kept,
            pg_get_userbyid(relowner)::text AS owner,
            (SELECT pg_get_constraintdef(oid) FROM pg_constraint
            WHERE conrelid = pg_class.oid AND contype = 'p') AS key,
            ARRAY(SELECT col_description(attrelid, attnum) FROM pg_attribute
            WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped) AS comments
        FROM pg_class WHERE oid = to_regclass('app.base_entity')
        """
    )

    assert row
    assert ("r", "p", "plant_owner", "PRIMARY KEY (tenant_id, id)") == tuple(row)[:4]
    assert SECTIONS <= {part for text in row["comments"] for part in _sections(text)}


def _sections(comment: str) -> list[str]:
    return comment.partition(":")[0].split(" and ")


async def test_async_session_lifecycle(open_pool: Open, superuser: Connection) -> None:
    """A session opens with the pool, is lent and comes back, and ends on the server with it."""
    pool = await open_pool("brief", pool_min=1, pool_max=1)
    async with pool.connection() as connection:
        there = await superuser.fetchval(BACKENDS, "plant brief")
        used = await connection.fetchval("SELECT 1")
        lent = pool.statistics
    back = pool.statistics
    await pool.close()
    gone = await until(
        lambda: superuser.fetchval(BACKENDS, "plant brief"), lambda count: count == 0
    )

    assert (1, 1) == (there, used)
    assert (1, 0) == (lent.in_use, lent.idle)
    assert (0, 1) == (back.in_use, back.idle)
    assert (0, 0) == (pool.statistics.size, gone)
    with pytest.raises(Unavailable, match="shutting down"):
        async with pool.connection():
            pass


async def test_database_connection_timeout(
    cluster: Server, database: str, settings: Settings, open_pool: Open
) -> None:
    """A silent server is given up within connect_timeout, a stalled one within command_timeout."""
    begun = time.monotonic()
    async with silent() as url:
        with pytest.raises(TimeoutError):
            await open_pool(url=url, connect_timeout_ms=WAIT_MS)
    unreachable = time.monotonic() - begun
    async with Proxy.to(cluster.url("app", database)) as proxy:
        pool = await open_pool(
            url=proxy.url,
            lock_timeout_ms=WAIT_MS,
            statement_timeout_ms=WAIT_MS,
            command_timeout_ms=WAIT_MS,
        )
        async with pool.connection() as connection:
            proxy.losing = True
            begun = time.monotonic()
            with pytest.raises(TimeoutError):
                await connection.fetchval("SELECT 1")
            stalled = time.monotonic() - begun
            proxy.cut()

    assert WAIT_MS / 1000 * 0.9 < unreachable < settings.connect_timeout_ms / 1000
    assert WAIT_MS / 1000 * 0.9 < stalled < settings.connect_timeout_ms / 1000


async def test_schema_validation(superuser: Connection, repository: Repository) -> None:
    """Restated: every column of base_entity is there with its type, and none besides."""
    rows = await superuser.fetch(
        """
        SELECT attname::text AS name,
            format_type(atttypid, atttypmod)
            || CASE WHEN collname = 'C' THEN ' COLLATE C' ELSE '' END
            || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END AS type
        FROM pg_attribute LEFT JOIN pg_collation ON pg_collation.oid = attcollation
        WHERE attrelid = 'app.base_entity'::regclass AND attnum > 0 AND NOT attisdropped
        """
    )
    async with repository.pool.connection() as connection:
        prepared = await connection.prepare("SELECT * FROM app.base_entity")
        seen = [(one.name, one.type.name) for one in prepared.get_attributes()]
        await connection.fetchval("SELECT 1")

    assert BASE_ENTITY == {row["name"]: row["type"] for row in rows}
    assert 21 == len(seen)
    assert [name for name, _ in seen] == [*BASE_ENTITY]
    assert {"uuid", "text", "timestamptz", "int4", "bytea", "text[]", "jsonb"} == {
        kind for _, kind in seen
    }


ODD = {
    "external_id": "été/№ 1%",
    "description": "a\tb\nç 𝄞 '; -- \\",
    "aliases": ["z", "a", "ß"],
    "tags": ["a", "b"],
    "custom_attributes": {"n": 1.5, "deep": [{"x": None}], "ü": "\\"},
    "governance_notes": "n",
}


OWN: dict[str, dict[str, Any]] = {
    "skill": {"category": "soft_skill"},
    "job_role": {"seniority_level": "senior", "required_skills": []},
    "team": {},
    "agent": {"team_id": None},
    "industry": {"scheme": "s", "code": "c", "level": 3},
}


@pytest.mark.parametrize("kind", OWN)
async def test_database_insert_and_retrieve(
    repository: Repository, tenant: Tenant, kind: str
) -> None:
    """What was written of each kind comes back: created, changed, and in its last state."""
    there = await make_world(repository, tenant)
    body = {**body_of(kind, there), **OWN[kind], **ODD, "parent_ids": [getattr(there, kind)]}
    made = await create(repository, tenant.author, kind, body)
    read = await document(repository, tenant.author, kind, made.id)
    patch = {"description": "Another.", "aliases": [], "custom_attributes": {"n": 2}}
    changed = await amend(repository, tenant.author, kind, made.id, patch)
    await step(repository, tenant.author, kind, made.id, "archived")
    last = await document(repository, tenant.author, kind, made.id)

    assert read
    assert last
    assert read == json.loads(made.document)
    assert body == {name: read[name] for name in body}
    assert {**read["custom_attributes"], "n": 2} == last["custom_attributes"]
    assert ("Another.", []) == (last["description"], last["aliases"])
    assert (1, 2, 3) == (made.version, changed.version, last["version"])
    assert "archived" == last["status"]


async def test_connection_pool_properties(open_pool: Open, superuser: Connection) -> None:
    """The pool has pool_min connections from the start and never more than pool_max."""
    pool = await open_pool("sized", pool_min=3, pool_max=5, acquire_timeout_ms=20_000)
    begun, full = pool.statistics.size, asyncio.Barrier(6)
    holders = [asyncio.create_task(_held(pool, full)) for _ in range(5)]
    await full.wait()
    late = asyncio.create_task(_backend(pool))
    seen = await until(partial(_waiting, pool), lambda waiting: waiting == 1)
    most = await superuser.fetchval(BACKENDS, "plant sized")
    await full.wait()
    backends = set(await asyncio.gather(*holders))

    assert (3, 5, 1) == (begun, pool.statistics.size, seen)
    assert 5 == most == len(backends)
    assert await late in backends


async def _waiting(pool: Pool) -> int:
    return pool.statistics.waiting


async def _backend(pool: Pool) -> int:
    async with pool.connection() as connection:
        return pid(connection)


async def _held(pool: Pool, full: asyncio.Barrier) -> int:
    async with pool.connection() as connection:
        await full.wait()
        await full.wait()
        return pid(connection)


async def test_multiple_concurrent_connections(open_pool: Open) -> None:
    """Five at once have five back ends, each with a transaction and a setting of its own."""
    pool = await open_pool(pool_max=5)
    full = asyncio.Barrier(5)

    async def talk(number: int) -> tuple[int, str]:
        async with pool.transaction() as connection:
            await connection.execute("SELECT set_config('app.request_id', $1, TRUE)", str(number))
            await full.wait()
            setting = await connection.fetchval("SELECT current_setting('app.request_id')")
            return pid(connection), setting

    found = await asyncio.gather(*map(talk, range(5)))

    assert 5 == len({backend for backend, _ in found})
    assert list("01234") == [setting for _, setting in found]


async def test_transaction_rollback(
    repository: Repository, superuser: Connection, tenant: Tenant
) -> None:
    """An entity that was made in a transaction that is undone is nowhere, nor is its entry."""
    before = await contents(superuser, tenant)
    seen: list[bool] = []

    async def undone(query: One[Written]) -> None:
        async with repository.pool.transaction() as connection:
            context = tenant.author.context
            made = await repository.one(query, context, connection=connection)
            found = EntityById("skill", str(made.id))
            seen.append(bool(await repository.maybe(found, context, connection=connection)))
            seen.append(bool(await repository.maybe(found, context)))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await undone(SkillCreate(json.dumps(skill_body())))

    assert [True, False] == seen
    assert before == await contents(superuser, tenant)


@pytest.mark.parametrize("ending", ["good", "error", "statement", "cancelled"])
async def test_async_context_manager(open_pool: Open, ending: str) -> None:
    """However the block ends, the connection is back in the pool and can be lent again."""
    pool = await open_pool(pool_min=1, pool_max=1)
    inside = asyncio.Event()

    async def block() -> None:
        async with pool.transaction() as connection:
            await connection.execute("SELECT set_config('app.tenant_id', 'x', TRUE)")
            inside.set()
            if ending == "error":
                raise ZeroDivisionError
            if ending == "statement":
                await connection.execute("SELECT 1 / 0")
            if ending == "cancelled":
                await connection.execute("SELECT pg_sleep(60)")

    task = asyncio.ensure_future(block())
    await inside.wait()
    if ending == "cancelled":
        task.cancel()
    (result,) = await asyncio.gather(task, return_exceptions=True)
    assert (ending == "good") == (result is None)
    async with pool.connection() as connection:
        left = await connection.fetchval("SELECT current_setting('app.tenant_id', TRUE)")
        assert not connection.is_in_transaction()

    assert not left
    assert (0, 1) == (pool.statistics.in_use, pool.statistics.idle)
