"""Takes those whom nobody knows in turn: they keep nothing from those who have a key."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.database.pool import BUSY
from service.errors import Unavailable


class Turns:
    """Lets so many in at a time."""

    def __init__(self, at_once: int) -> None:
        self._inside = asyncio.Semaphore(at_once)
        self._waiting = 0

    @asynccontextmanager
    async def turn(self, waiting_max: int) -> AsyncIterator[None]:
        """Have one's turn, unless so many wait already, those inside included.

        Raises: Unavailable.
        """
        if self._waiting >= waiting_max:
            raise Unavailable(BUSY)
        self._waiting += 1
        try:
            async with self._inside:
                yield
        finally:
            self._waiting -= 1
