"""Keys that there are not, which wait to be looked up, let nobody else be refused at the door."""

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import msgspec
import pytest
from msgspec import structs

from service.http.clock import Clock
from service.http.lookups import STRANGERS_MAX
from tests.api import Api
from tests.bench import SMALL, until
from tests.edge import Served, Wire, served
from tests.factories import Tenant, skill_body
from tests.postgres import Server

PATIENT = structs.replace(
    SMALL,
    pool_max=8,
    waiting_max=3,
    lock_timeout_ms=60_000,
    statement_timeout_ms=60_000,
    command_timeout_ms=60_000,
    request_timeout_ms=60_000,
)
"""Three connections for reads and three for writes: six fill the door of each."""

AS_MANY = 6

BODY = msgspec.json.encode(skill_body())
LENGTH = b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(BODY)
LINES = b"Host: plant\r\nAuthorization: Bearer %b\r\n"
GET = b"GET /v1/skills HTTP/1.1\r\n" + LINES
POST = b"POST /v1/skills HTTP/1.1\r\n" + LINES + LENGTH
IMPORT = (
    b"POST /v1/imports?as=active HTTP/1.1\r\n"
    + LINES
    + b"Content-Type: application/x-ndjson\r\nContent-Length: 0\r\n"
    + b"Certifier-Authorization: Bearer %b\r\n\r\n"
)


def unknown() -> bytes:
    """Make a key that there is not."""
    return f"plant_{secrets.token_urlsafe(32)}".encode()


class Still(Clock):
    """A clock that stands: a key that is remembered stays so."""

    def monotonic(self) -> float:
        """Return the same as ever."""
        return 1.0


class Ground:
    """A service, a client that it knows, and sessions that can hold tables."""

    def __init__(self, service: Served, api: Api, keys: asyncpg.Connection) -> None:
        self.service = service
        self.api = api
        self.keys = keys

    async def under_way(self) -> list[bool]:
        """Say of each request that has a handler at work whether its body has come."""
        return [one.content.is_eof() for one in self.service.requests]

    async def counted(self) -> int:
        """Count those that are counted at the door."""
        found = self.service.repository
        return found.pool.entrance.waiting + found.reads.entrance.waiting

    async def wait(self, *, looked_up: int, under_way: list[bool]) -> None:
        """Wait until so many keys are looked up, for these requests."""
        await until(self.under_way, lambda found: found == under_way)
        await until(self._held, lambda found: found == looked_up)

    async def _held(self) -> int:
        await self.keys.execute("SELECT pg_stat_clear_snapshot()")
        return int(
            await self.keys.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'plant app%' "
                "AND datname = current_database() AND wait_event_type = 'Lock'"
            )
        )


@asynccontextmanager
async def holding(url: str, table: str) -> AsyncIterator[asyncpg.Connection]:
    """Have a session that keeps everybody from a table until it ends."""
    session = await asyncpg.connect(url)
    try:
        await session.execute(f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield session
    finally:
        await session.close()


@asynccontextmanager
async def ground(cluster: Server, database: str, tenant: Tenant) -> AsyncIterator[Ground]:
    """Have a service that knows the author's key, and can look up none from then on."""
    async with (
        served(PATIENT, cluster.url("app", database), Still()) as service,
        Api.open(service.url, tenant) as api,
    ):
        assert 200 == (await api.get("/v1/skills")).status
        async with holding(cluster.url("superuser", database), "app.api_key") as keys:
            yield Ground(service, api, keys)


@pytest.mark.parametrize(
    "head,body",
    [
        pytest.param(GET + b"\r\n", b"", id="reads"),
        pytest.param(POST + b"\r\n" + BODY, b"", id="writes"),
        pytest.param(POST + b"\r\n", BODY, id="their bodies later"),
        pytest.param(IMPORT, b"", id="certifiers"),
    ],
)
async def test_strangers_who_wait_let_nobody_be_refused(
    cluster: Server, database: str, tenant: Tenant, head: bytes, body: bytes
) -> None:
    """As many as would fill the door wait; known keys read and get as far as their bodies."""
    known = [tenant.author.key.encode()] if head == IMPORT else []
    async with ground(cluster, database, tenant) as there, AsyncExitStack() as stack:
        wires = [
            await stack.enter_async_context(Wire.open(there.service.url)) for _ in range(AS_MANY)
        ]
        for wire in wires:
            await wire.send(head % (*known, unknown()))
        if body:
            await there.wait(looked_up=STRANGERS_MAX, under_way=[False] * AS_MANY)
        for wire in wires:
            await wire.send(body)
        await there.wait(looked_up=STRANGERS_MAX, under_way=[True] * AS_MANY)

        assert 200 == (await there.api.get("/v1/skills")).status
        assert 422 == (await there.api.post("/v1/skills", {})).status
        assert 0 == await there.counted()
        await there.keys.execute("COMMIT")
        for wire in wires:
            assert b" 401 " in await wire.read()
        assert 0 == await there.counted()


async def test_who_turns_out_to_be_known_is_counted_from_then_on(
    cluster: Server, database: str, tenant: Tenant
) -> None:
    """Until its answer; not if its client has gone away, though its work is done."""
    url = cluster.url("superuser", database)
    async with (
        ground(cluster, database, tenant) as there,
        Wire.open(there.service.url) as stays,
        Wire.open(there.service.url) as goes,
        holding(url, "app.base_entity") as entities,
    ):
        await stays.ask(tenant.reader, "/v1/skills")
        await goes.ask(tenant.certifier, "/v1/skills")
        await there.wait(looked_up=2, under_way=[True] * 2)
        assert 0 == await there.counted()
        goes.reset()
        await until(there.service.clients, lambda count: count == 2)
        await there.keys.execute("COMMIT")

        await until(there.counted, lambda count: count == 1)
        await entities.execute("COMMIT")
        assert b" 200 " in await stays.read()
        await there.service.free()
        assert 0 == await there.counted()
