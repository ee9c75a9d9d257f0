"""Clients that go away while an import or an export runs for them."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
import pytest_asyncio
from aiohttp import web
from msgspec import structs

from service.settings import Settings
from service.usecases import import_session
from tests.bench import until
from tests.edge import Served, Wire, served
from tests.factories import Tenant, create, skill_body
from tests.imports import Line, many, ndjson, state
from tests.postgres import Server
from tests.sockets import answers

pytestmark = pytest.mark.database

WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE application_name LIKE 'plant app%' AND datname = current_database()
AND wait_event_type = 'Lock'
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(cluster: Server, database: str, settings: Settings) -> AsyncIterator[Served]:
    """Have a service whose statements wait for a lock as long as a test takes."""
    patient = structs.replace(
        settings,
        lock_timeout_ms=60_000,
        statement_timeout_ms=60_000,
        command_timeout_ms=60_000,
        request_timeout_ms=60_000,
    )
    async with served(patient, cluster.url("app", database)) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def blocker(cluster: Server, database: str) -> AsyncIterator[asyncpg.Connection]:
    """Have a session that can stand in the service's way."""
    session = await asyncpg.connect(cluster.url("superuser", database))
    yield session
    await session.close()


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Leave to nobody but the service itself what it has to give back."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def imported(wire: Wire, tenant: Tenant, lines: list[Line]) -> None:
    """Send a whole import."""
    body = ndjson(lines)
    media = {"Content-Type": "application/x-ndjson", "Content-Length": str(len(body))}
    await wire.ask(tenant.author, "/v1/imports", "POST", media)
    await wire.send(body)


async def waits(session: asyncpg.Connection, count: int) -> None:
    """Wait until so many statements of the service wait for a lock."""

    async def found() -> int:
        await session.execute("SELECT pg_stat_clear_snapshot()")
        return int(await session.fetchval(WAITING))

    await until(found, lambda waiting: waiting == count)


async def still_imports(service: Served, tenant: Tenant) -> None:
    """Make sure that a place among the imports is free."""
    async with Wire.open(service.url) as wire:
        body = ndjson(many(1))
        await wire.ask(
            tenant.author,
            "/v1/imports",
            "POST",
            {
                "Content-Type": "application/x-ndjson",
                "Content-Length": str(len(body)),
                "Connection": "close",
            },
        )
        await wire.send(body)
        (answer,) = answers(await wire.rest())
        assert b'"created":1' in answer.body.splitlines()[-1]


@pytest.mark.usefixtures("uncollected")
async def test_gone_when_the_answer_begins(
    service: Served, tenant: Tenant, superuser: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the first outcome and the answer's head: connection, lock and place come back."""
    prepare = web.StreamResponse.prepare
    reached, gone = asyncio.Event(), asyncio.Event()

    async def prepared(answer: web.StreamResponse, request: web.Request) -> object:
        reached.set()
        await gone.wait()
        return await prepare(answer, request)

    monkeypatch.setattr(web.StreamResponse, "prepare", prepared)
    for _ in range(import_session.IMPORTS_MAX):
        reached.clear()
        gone.clear()
        async with Wire.open(service.url) as wire:
            await imported(wire, tenant, many(600))
            await reached.wait()
            wire.reset()
            gone.set()
        await service.free()
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid <> 0"
    monkeypatch.undo()

    assert 0 == await superuser.fetchval(locks)
    await state(superuser, tenant)


@pytest.mark.usefixtures("uncollected")
async def test_gone_where_nothing_tells(
    service: Served, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the only sign of it is that the answer's head cannot be sent."""

    async def prepared(answer: web.StreamResponse, request: web.Request) -> object:
        raise ConnectionResetError(answer, request)

    monkeypatch.setattr(web.StreamResponse, "prepare", prepared)
    async with Wire.open(service.url) as wire:
        await imported(wire, tenant, many(600))
        await wire.rest()

    assert (0, 0, 0) == await service.taken()


async def test_gone_before_anything_begins(
    service: Served,
    blocker: asyncpg.Connection,
    tenant: Tenant,
    superuser: asyncpg.Connection,
) -> None:
    """An import whose client has gone while its key was looked up is not begun."""
    async with blocker.transaction():
        await blocker.execute("LOCK TABLE app.api_key IN ACCESS EXCLUSIVE MODE")
        async with Wire.open(service.url) as wire:
            await imported(wire, tenant, many(3))
            await waits(blocker, 1)
            wire.reset()
            await until(service.clients, lambda clients: clients == 0)
    await service.free()

    await still_imports(service, tenant)
    assert 1 == len(await state(superuser, tenant))


@pytest.mark.parametrize("table", ["app.import_line", "app.base_entity"])
async def test_a_statement_under_way_ends_with_the_client(
    service: Served,
    blocker: asyncpg.Connection,
    tenant: Tenant,
    superuser: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    table: str,
) -> None:
    """The server is told to break it off: it works no more, though it could have no end."""
    monkeypatch.setattr(import_session, "END_TIMEOUT_S", 0.2)
    async with blocker.transaction():
        await blocker.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        async with Wire.open(service.url) as wire:
            await imported(wire, tenant, many(600))
            await waits(blocker, 1)
            wire.reset()
            await waits(blocker, 0)
        await service.free()

    assert {} == await state(superuser, tenant)
    await still_imports(service, tenant)


async def test_an_export_ends_with_the_client(
    service: Served, blocker: asyncpg.Connection, tenant: Tenant
) -> None:
    """Its statement too."""
    await create(service.repository, tenant.author, "skill", skill_body())
    async with blocker.transaction():
        await blocker.execute("LOCK TABLE app.base_entity IN ACCESS EXCLUSIVE MODE")
        async with Wire.open(service.url) as wire:
            await wire.ask(tenant.author, "/v1/exports")
            await waits(blocker, 1)
            wire.reset()
            await waits(blocker, 0)
        await service.free()


async def test_a_write_goes_on_without_the_client(
    service: Served, blocker: asyncpg.Connection, tenant: Tenant
) -> None:
    """A single change is made though nobody waits for its answer any more."""
    made = await create(service.repository, tenant.author, "skill", skill_body())
    body = b'{"tags": ["late"]}'
    head = {"Content-Type": "application/json", "Content-Length": str(len(body)), "If-Match": "*"}
    async with blocker.transaction():
        await blocker.execute("SELECT FROM app.base_entity WHERE id = $1 FOR UPDATE", made.id)
        async with Wire.open(service.url) as wire:
            await wire.ask(tenant.author, f"/v1/skills/{made.id}", "PATCH", head)
            await wire.send(body)
            await waits(blocker, 1)
            wire.reset()
    await service.free()

    assert 2 == await blocker.fetchval("SELECT version FROM app.base_entity WHERE id = $1", made.id)
