"""Ends what takes too long, by one timer for all of it.

A timer for each costs a short request more than half of what its statement does.
"""

import asyncio
from typing import Any

PARTS = 20
"""Whatever is ended is ended at most this part of the time too late."""

Work = asyncio.Future[Any]


class Overdue:
    """The tasks and futures that may take so many seconds each."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until: dict[Work, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, work: Work) -> None:
        """Cancel it when its time is over."""
        loop = work.get_loop()
        self._until[work] = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_later(self._seconds / PARTS, self._look, loop)

    def end(self, work: Work) -> bool:
        """Leave it alone; say whether it was in time, and is not cancelled for that."""
        return self._until.pop(work, None) is not None

    def go_on(self, work: Work, instead: Work) -> None:
        """Give the rest of its time, if there is any, to what is done instead."""
        self._until[instead] = self._until.pop(work, instead.get_loop().time())

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for work in [work for work, until in self._until.items() if until <= now]:
            del self._until[work]
            work.cancel()
        self._timer = None
        if self._until:
            self._timer = loop.call_later(self._seconds / PARTS, self._look, loop)
