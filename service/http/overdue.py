"""Ends tasks that take too long, by one timer for all of them.

A timer for each costs a short request more than half of what its statement does.
"""

import asyncio
from typing import Any

PARTS = 20
"""A task is ended at most this part of the time too late."""


class Overdue:
    """The tasks that may take so many seconds each, in the order in which they began."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until: dict[asyncio.Task[Any], float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, task: asyncio.Task[Any]) -> None:
        """Cancel a task when its time is over."""
        loop = task.get_loop()
        self._until[task] = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_later(self._seconds / PARTS, self._look, loop)

    def end(self, task: asyncio.Task[Any]) -> bool:
        """Leave a task alone; say whether it was in time, and is not cancelled for that."""
        return self._until.pop(task, None) is not None

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for task in [task for task, until in self._until.items() if until <= now]:
            del self._until[task]
            task.cancel()
        self._timer = None
        if self._until:
            self._timer = loop.call_later(self._seconds / PARTS, self._look, loop)
