"""Connections of a pool in the order in which they are asked for.

asyncpg lets whoever comes while one is free past those who wait, and those stand at the end again:
of many some wait for very long. Here a connection that comes back is for who has waited longest.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

import asyncpg

log = logging.getLogger(__name__)

NOT_GIVEN_BACK: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # it was lost, and so given back, in this very moment
    OSError,
    TimeoutError,
)


class InTurn:
    """Lends so many connections; `acquire_s` is how long one waits for one, connected or not."""

    def __init__(self, size: int, acquire_s: float) -> None:
        self._turns = asyncio.Semaphore(size)
        self._acquire_s = acquire_s

    async def acquire(self, pool: asyncpg.Pool[Any]) -> Any:
        """Take a connection when it is one's turn.

        Raises: TimeoutError, and what connecting raises.
        """
        # asyncpg's own limit would cost a task.
        async with asyncio.timeout(self._acquire_s):
            await self._turns.acquire()
            try:
                return await pool.acquire()
            except BaseException:
                self._turns.release()
                raise

    async def release(self, pool: asyncpg.Pool[Any], connection: Any) -> None:
        """Give a connection back, and the turn to the next.

        One that cannot be given back has ended, and its place in the pool is free again: what it
        was lent for has had its answer, and is not told of that.
        """
        try:
            # A query that was cancelled has so long to end; then its connection ends.
            await pool.release(connection, timeout=self._acquire_s)
        except NOT_GIVEN_BACK as exc:
            log.debug("a connection ended instead of going back: %r", exc)
        finally:
            self._turns.release()
