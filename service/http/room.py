"""Room in memory for large bodies: bytes that have come count, and not who has yet to send any."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from service.database.pool import BUSY
from service.errors import Unavailable

SHARES: Final = 4
"""Of the room no more than one part of so many is one tenant's."""

FULL: Final = "Large bodies of your tenant are under way. Nothing was done: try again."

Take = Callable[[int], None]


class Room:
    """So many bytes for all bodies together."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken = 0
        self._of = Counter[str]()

    @contextmanager
    def share(self, whose: str) -> Iterator[Take]:
        """Have room for a body; gives what takes some for each piece that has come.

        Raises: Unavailable, from what it gives.
        """
        mine = 0

        def take(count: int) -> None:
            nonlocal mine
            if self._of[whose] + count > self._size // SHARES:
                raise Unavailable(FULL)
            if self._taken + count > self._size:
                raise Unavailable(BUSY)
            mine += count
            self._taken += count
            self._of[whose] += count

        try:
            yield take
        finally:
            self._taken -= mine
            self._of[whose] -= mine
            if not self._of[whose]:
                del self._of[whose]
