"""Connections of a pool in the order in which they are asked for.

asyncpg lets whoever comes while one is free past those who wait, and those stand at the end again:
of many some wait for very long. Here a connection that comes back is for who has waited longest.
"""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg


class InTurn:
    """Lends so many connections; `acquire_s` is how long one waits for a turn."""

    def __init__(self, size: int, acquire_s: float) -> None:
        self._turns = asyncio.Semaphore(size)
        self._acquire_s = acquire_s

    async def acquire(self, pool: asyncpg.Pool[Any]) -> Any:
        """Take a connection when it is one's turn.

        Raises: TimeoutError, and what connecting raises.
        """
        if self._turns.locked():
            async with asyncio.timeout(self._acquire_s):
                await self._turns.acquire()
        else:
            await self._turns.acquire()
        try:
            # One that is there is had at once: a clock for that would cost a task.
            there = pool.get_idle_size() > 0
            return await pool.acquire(timeout=None if there else self._acquire_s)
        except BaseException:
            self._turns.release()
            raise

    async def release(self, pool: asyncpg.Pool[Any], connection: Any) -> None:
        """Give a connection back, and the turn to the next."""
        try:
            await pool.release(connection)
        finally:
            self._turns.release()
