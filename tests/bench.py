"""A service with a small pool, what can stand in its way, and waiting for what will be so."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from msgspec import structs

from service.settings import Settings
from tests.api import Answer, Api, serving
from tests.factories import Tenant
from tests.postgres import Server

WAIT_S = 10.0
"""A condition that has not come true by then never will."""

SMALL = Settings(
    pool_min=1,
    pool_max=6,
    acquire_timeout_ms=300,
    waiting_max=4,
    lock_timeout_ms=3_000,
    statement_timeout_ms=4_000,
    command_timeout_ms=5_000,
    request_timeout_ms=6_000,
)

WAITING = """
SELECT pid FROM pg_stat_activity
WHERE application_name LIKE 'plant app%' AND datname = current_database()
AND wait_event_type = 'Lock' AND pid IN (
    SELECT pid FROM pg_locks
    WHERE NOT granted AND waitstart < clock_timestamp() - interval '50 milliseconds'
)
"""
"""Who waits for a lock for longer than a creation does in its lane."""


class Bench:
    """A service with two connections for writes and two for reads, and what stands in their way."""

    def __init__(self, api: Api, url: str) -> None:
        self.api = api
        self._url = url

    @classmethod
    @asynccontextmanager
    async def open(
        cls, cluster: Server, database: str, tenant: Tenant, **settings: Any
    ) -> AsyncIterator["Bench"]:
        """Serve with a small pool whose settings may differ; its author's key is known to it."""
        chosen = structs.replace(SMALL, **settings)
        async with (
            serving(chosen, cluster.url("app", database)) as url,
            Api.open(url, tenant) as api,
        ):
            await api.get("/v1/me")
            yield cls(api, cluster.url("superuser", database))

    @asynccontextmanager
    async def blocking(self, statement: str, *arguments: Any) -> AsyncIterator[asyncpg.Connection]:
        """Hold the locks that a statement takes; gives the session that holds them."""
        session = await asyncpg.connect(self._url)
        try:
            transaction = session.transaction()
            await transaction.start()
            await session.execute(statement, *arguments)
            yield session
            await transaction.rollback()
        finally:
            await session.close()

    def locked(self, identity: str) -> Any:
        """Hold the row of an entity: writes wait, reads do not."""
        return self.blocking("SELECT FROM app.base_entity WHERE id = $1 FOR UPDATE", identity)

    def closed(self) -> Any:
        """Hold the whole table: reads wait too."""
        return self.blocking("LOCK TABLE app.base_entity IN ACCESS EXCLUSIVE MODE")

    async def waiting_backends(self, session: asyncpg.Connection, count: int) -> list[int]:
        """Wait until so many backends of the service wait for a lock; gives their pids."""
        return await waiting_backends(session, count)

    async def metrics(self, pool: str = "write") -> dict[str, float]:
        """Read what the service says of one of its pools."""
        return await pool_metrics(self.api, pool)


async def waiting_backends(session: asyncpg.Connection, count: int) -> list[int]:
    """Wait until so many backends of the service wait for a lock; gives their pids."""

    async def found() -> list[int]:
        # A transaction keeps one snapshot of these views unless it is told to look again.
        await session.execute("SELECT pg_stat_clear_snapshot()")
        return [row["pid"] for row in await session.fetch(WAITING)]

    pids: list[int] = await until(found, lambda pids: len(pids) == count)
    return pids


async def gauge(api: Api, name: str) -> int:
    """Read a number that a service says of itself, and of no part of it."""
    told = (await api.get("/metrics")).body.decode().splitlines()
    (count,) = [line.split(" ")[1] for line in told if line.startswith(f"{name} ")]
    return int(float(count))


async def pool_metrics(api: Api, pool: str) -> dict[str, float]:
    """Read what a service says of a pool: its metrics by name, its connections by state."""
    text = (await api.get("/metrics")).body.decode()
    found = re.findall(
        rf'^(plant_pool_\w+){{pool="{pool}"(?:,state="(\w+)")?}} (\S+)$', text, re.MULTILINE
    )
    return {state or name: float(value) for name, state, value in found}


async def until(found: Callable[[], Awaitable[Any]], true: Callable[[Any], bool]) -> Any:
    """Ask until the answer is right."""
    async with asyncio.timeout(WAIT_S):
        while not true(value := await found()):  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.005)
    return value


def unavailable(answer: Answer) -> None:
    """Make sure that an answer is 503 and says when to come back."""
    assert (503, "unavailable") == (answer.status, answer.problem), answer.body
    assert "1" == answer.headers["Retry-After"] == str(answer.json["retry_after_s"])
