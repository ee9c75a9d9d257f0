"""Locks that stand in the way of the service."""

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import asyncpg

from tests.faults.aftermath import Scene

WRITES = "LOCK TABLE app.base_entity IN EXCLUSIVE MODE"
READS = "LOCK TABLE app.base_entity IN ACCESS EXCLUSIVE MODE"


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


@contextmanager
def paused(pid: int) -> Iterator[None]:
    """Let a session of the server stand still: what it holds stays held."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
