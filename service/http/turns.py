"""Takes those whom nobody knows in turn: they keep nothing from those who have a key."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.database.pool import BUSY
from service.errors import Unavailable


class Turns:
    """Lets so many in at a time."""

    def __init__(self, at_once: int) -> None:
        self._inside = asyncio.Semaphore(at_once)
        self._waiting = 0
        self._of = Counter[str]()

    @asynccontextmanager
    async def turn(self, waiting_max: int, whose: str | None = None) -> AsyncIterator[None]:
        """Have one's turn, unless so many wait already, those inside included.

        Of those who are somebody's no more than half may be of the same.

        Raises: Unavailable.
        """
        own = 0 if whose is None else self._of[whose]
        if self._waiting >= waiting_max or own >= max(1, waiting_max // 2):
            raise Unavailable(BUSY)
        self._waiting += 1
        if whose is not None:
            self._of[whose] += 1
        try:
            async with self._inside:
                yield
        finally:
            self._waiting -= 1
            if whose is not None:
                self._of[whose] -= 1
                if not self._of[whose]:
                    del self._of[whose]
