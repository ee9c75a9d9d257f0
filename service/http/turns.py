"""Takes those who ask for much in turn, so that they keep nothing from all others."""

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
        self._placed = 0
        self._of = Counter[str]()

    @asynccontextmanager
    async def turn(self, places: int) -> AsyncIterator[None]:
        """Have one of so many places, and one's turn.

        Raises: Unavailable.
        """
        async with self.place(places) as turn, turn:
            yield

    @asynccontextmanager
    async def place(
        self, places: int, whose: str | None = None
    ) -> AsyncIterator[asyncio.Semaphore]:
        """Have one of so many places, those inside included; gives what one's turn is had by.

        Of the places no more than a quarter may be of the same whose they are.

        Raises: Unavailable.
        """
        own = 0 if whose is None else self._of[whose]
        if self._placed >= places or own >= max(1, places // 4):
            raise Unavailable(BUSY)
        self._placed += 1
        if whose is not None:
            self._of[whose] += 1
        try:
            yield self._inside
        finally:
            self._placed -= 1
            if whose is not None:
                self._of[whose] -= 1
                if not self._of[whose]:
                    del self._of[whose]
