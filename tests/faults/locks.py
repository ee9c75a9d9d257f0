"""Locks that stand in the way of the service, and who waits for them."""

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import asyncpg

from tests.bench import FOR_LONGER, until
from tests.faults.aftermath import Scene

WRITES = "LOCK TABLE app.base_entity IN EXCLUSIVE MODE"
READS = "LOCK TABLE app.base_entity IN ACCESS EXCLUSIVE MODE"
WAITING = f"""
SELECT pid FROM pg_stat_activity
WHERE application_name LIKE 'plant app%' AND datname = current_database()
AND wait_event_type = 'Lock' AND pid IN ({FOR_LONGER})
"""


@asynccontextmanager
async def holding(scene: Scene, lock: str) -> AsyncIterator[asyncpg.Connection]:
    """Stand in the way of the service; gives the session that does."""
    session = await scene.superuser()
    try:
        # Closing ends the transaction, also where the server took the session away.
        await session.execute("BEGIN")
        await session.execute(lock)
        yield session
    finally:
        with suppress(BrokenPipeError):
            await session.close()


async def waiting(session: asyncpg.Connection, count: int) -> list[int]:
    """Wait until so many sessions of the service wait for a lock; gives their pids."""

    async def found() -> list[int]:
        await session.execute("SELECT pg_stat_clear_snapshot()")
        return [row["pid"] for row in await session.fetch(WAITING)]

    pids: list[int] = await until(found, lambda pids: len(pids) == count)
    return pids


@contextmanager
def paused(pid: int) -> Iterator[None]:
    """Let a session of the server stand still: what it holds stays held."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
