"""Faults of the way to the server: silence, refusal, a cut, a reply that is lost after COMMIT."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.api import Answer
from tests.bench import SMALL, unavailable, until
from tests.counts import rows
from tests.factories import Tenant
from tests.faults.aftermath import Scene, scene
from tests.postgres import Server
from tests.proxy import Proxy

QUICK = {"lock_timeout_ms": 300, "statement_timeout_ms": 400, "command_timeout_ms": 500}
DEADLINE_S = SMALL.request_timeout_ms / 1000


@asynccontextmanager
async def through(
    cluster: Server, database: str, tenant: Tenant, **settings: Any
) -> AsyncIterator[tuple[Scene, Proxy]]:
    """Serve with a proxy between service and database."""
    async with (
        Proxy.to(cluster.url("app", database)) as way,
        scene(cluster, database, tenant, way.url, **settings) as found,
    ):
        yield found, way


async def test_a_silent_network(cluster: Server, database: str, tenant: Tenant) -> None:
    """command_timeout ends what hears nothing: well within the request's deadline, and for good."""
    async with through(cluster, database, tenant, **QUICK) as (found, way):
        way.losing = True
        async with asyncio.timeout(DEADLINE_S / 2):
            write, read = await asyncio.gather(found.create(), found.api.get("/v1/skills"))
            again = await asyncio.gather(found.create(), found.api.get("/v1/skills"))
        assert 504 == write.status
        for answer in (read, *again):
            assert answer.status in {503, 504}
        way.losing = False
        way.cut()
        await found.whole()


async def test_a_network_that_refuses(cluster: Server, database: str, tenant: Tenant) -> None:
    """Without a connection nothing was done, and each answer says so at once."""
    async with through(cluster, database, tenant) as (found, way):
        way.refusing = True
        way.cut()
        await until(found.connected, lambda count: count == 0)
        answers = [await found.create(), await found.api.get("/v1/skills")]
        ready = await found.api.get("/readyz")
        way.refusing = False
        for answer in answers:
            unavailable(answer)
        assert (503, "1") == (ready.status, ready.headers["Retry-After"])
        await found.whole()


async def test_a_connection_that_is_cut(cluster: Server, database: str, tenant: Tenant) -> None:
    """In the middle of statements: writes are unknown or refused, reads may be repeated."""
    async with through(cluster, database, tenant) as (found, way):
        before = way.trips
        tasks = [
            asyncio.create_task(found.create()),
            asyncio.create_task(found.api.get("/v1/skills")),
        ]
        await until(lambda: _trips(way), lambda trips: trips > before)
        way.cut()
        answers = await asyncio.gather(*tasks)
        assert answers[0].status in {201, 503, 504}
        assert answers[1].status in {200, 503}
        await found.whole()


async def test_a_reply_that_is_lost_after_commit(
    cluster: Server, database: str, tenant: Tenant
) -> None:
    """The write is there once, its sender is told that nobody knows, and its key finds it."""
    async with through(cluster, database, tenant) as (found, way):
        session = await found.superuser()
        try:
            before = await rows(session, tenant.id)
            way.losing = True
            sent = asyncio.create_task(found.create("lost", key="k"))
            await until(
                lambda: rows(session, tenant.id), lambda now: now.entries == before.entries + 1
            )
            way.cut()
            lost = await sent
            way.losing = False
            assert 504 == lost.status
            after = await rows(session, tenant.id)
            again = await found.create("lost", key="k")
            assert (201, "true") == (again.status, again.headers["Idempotency-Replayed"])
            assert after == await rows(session, tenant.id)
        finally:
            await session.close()
        await found.whole()


async def test_a_server_that_says_nothing_to_who_connects(
    cluster: Server, database: str, tenant: Tenant
) -> None:
    """Connecting has its deadline too: the wait for a connection, after which nothing was done."""
    async with through(cluster, database, tenant) as (found, way):
        way.losing = True
        way.cut()
        async with asyncio.timeout(DEADLINE_S / 2):
            answers = await asyncio.gather(
                *(found.create() for _ in range(3)), found.api.get("/v1/skills")
            )
        way.losing = False
        way.cut()
        for answer in answers:
            unavailable(answer)
        await found.whole()


@pytest.mark.parametrize("seed", range(3))
async def test_a_network_that_fails_now_and_then(
    cluster: Server, database: str, tenant: Tenant, seed: int
) -> None:
    """Cuts at drawn moments under many writes: each is done once, or not, as its answer says."""
    async with through(cluster, database, tenant, waiting_max=50) as (found, way):
        tasks = [asyncio.create_task(found.create()) for _ in range(20)]
        for more in range(seed + 1, seed + 4):
            await _went(way, more, tasks)
            way.cut()
        statuses = {answer.status for answer in await asyncio.gather(*tasks)}
        assert statuses <= {201, 503, 504}
        await found.whole()


async def _trips(way: Proxy) -> int:
    return way.trips


async def _went(way: Proxy, more: int, tasks: list[asyncio.Task[Answer]]) -> None:
    """Wait for more round trips, or until everybody is served."""
    enough = way.trips + more
    await until(
        lambda: _trips(way), lambda trips: trips >= enough or all(one.done() for one in tasks)
    )
