"""Takes those who ask for much in turn, so that they keep nothing from all others.

Whoever has the fewest comes next, and turns go round among those who have as many: nobody is given
a second one while somebody else waits for a first. Where that is wanted (`each`), one has no more
than so many at a time, though others are free: whoever comes then need not wait for their end.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from service.database.pool import BUSY
from service.errors import Unavailable

NOBODY: Final = ""
"""Whose turns those are that are told apart from no others."""

Refusal = Callable[[], Unavailable]


def _busy() -> Unavailable:
    return Unavailable(BUSY)


class Turns:
    """Lets so many in at a time.

    `busy` and `late` give what those are told for whom there is no place, or no turn in time;
    `each`: how many turns one has at most, as long as it is told whose they are.
    """

    def __init__(
        self,
        at_once: int,
        *,
        each: int | None = None,
        busy: Refusal = _busy,
        late: Refusal = _busy,
    ) -> None:
        self._busy, self._late = busy, late
        self._free = at_once
        self._each = at_once if each is None else each
        self._placed = 0
        self._of = Counter[str]()
        self._inside = Counter[str]()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @property
    def waiting(self) -> int:
        """Count those who have a place and not their turn."""
        return self._placed - self._inside.total()

    @asynccontextmanager
    async def turn(
        self, places: int, whose: str = NOBODY, *, within_s: float | None = None
    ) -> AsyncIterator[None]:
        """Have one of so many places, those inside included, and one's turn.

        Of the places no more than a quarter may be of the same whose they are.

        Units: seconds. Raises: Unavailable.
        """
        with self._place(places, whose):
            try:
                async with asyncio.timeout(within_s):
                    await self._begin(whose)
            except TimeoutError:
                raise self._late() from None
            try:
                yield
            finally:
                self._end(whose)

    @contextmanager
    def _place(self, places: int, whose: str) -> Iterator[None]:
        most = places if whose == NOBODY else max(1, places // 4)
        if self._placed >= places or self._of[whose] >= most:
            raise self._busy()
        self._placed += 1
        self._of[whose] += 1
        try:
            yield
        finally:
            self._placed -= 1
            _less(self._of, whose)

    async def _begin(self, whose: str) -> None:
        if self._free and self._may(whose):
            # Then nobody waits who may have it.
            self._give(whose)
            return
        come = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(whose, deque()).append(come)
        try:
            await come
        except asyncio.CancelledError:
            if not come.cancelled():
                # It had come, and goes to the next.
                self._end(whose)
            raise

    def _may(self, whose: str) -> bool:
        return whose == NOBODY or self._inside[whose] < self._each

    def _give(self, whose: str) -> None:
        self._free -= 1
        self._inside[whose] += 1

    def _end(self, whose: str) -> None:
        self._free += 1
        _less(self._inside, whose)
        self._forget()
        waiting = [one for one in self._waiting if self._may(one)]
        if not waiting:
            return
        # Of those who have the fewest the first: who is given one stands behind the others again.
        who = min(waiting, key=lambda one: self._inside[one])
        queue = self._waiting.pop(who)
        come = queue.popleft()
        if queue:
            self._waiting[who] = queue
        self._give(who)
        come.set_result(None)

    def _forget(self) -> None:
        """Leave out who has given up before their turn came."""
        left = {
            who: deque(come for come in queue if not come.done())
            for who, queue in self._waiting.items()
        }
        self._waiting = {who: queue for who, queue in left.items() if queue}


def _less(counted: Counter[str], whose: str) -> None:
    counted[whose] -= 1
    if not counted[whose]:
        del counted[whose]
