"""The gate in front of a pool: who comes waits, unless that would be in vain.

A queue that is longer than what will be served in time makes everybody late, those at its end for
nothing. So the gate watches how fast the queue moves, and refuses at once what is too much.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

SMOOTHING: Final = 0.1
"""The weight of the last step of the queue among those before it."""


class Gate:
    """Those who wait, since when, and how fast they move on.

    `waiting_max`: at most so many wait. `patience_s`: so long each of them does. Units: seconds.
    """

    def __init__(self, waiting_max: int, patience_s: float, clock: Callable[[], float]) -> None:
        self._waiting_max = waiting_max
        self._patience_s = patience_s
        self._clock = clock
        self._since: dict[object, float] = {}  # the first in front
        self._step_s = 0.0
        self._moved: float | None = None

    @property
    def waiting(self) -> int:
        """Count those who wait."""
        return len(self._since)

    @property
    def full(self) -> bool:
        """Say whether whoever comes now would wait in vain.

        As many wait as may; or at their pace the turn would come after more than half of the time
        that one may wait; or the first of them has waited for that long already.
        """
        if not self._since:
            return self._waiting_max == 0
        soon_s = self._patience_s / 2
        first = next(iter(self._since.values()))
        return (
            len(self._since) >= self._waiting_max
            or len(self._since) * self._step_s > soon_s
            or self._clock() - first > soon_s
        )

    @contextmanager
    def queued(self) -> Iterator[None]:
        """Wait inside; whoever leaves without an exception had his turn."""
        waiter = object()
        self._since[waiter] = self._clock()
        try:
            yield
            self._move()
        finally:
            del self._since[waiter]
            if not self._since:
                # Nobody waits: the time until the next turn says nothing of the pace.
                self._moved = None

    def _move(self) -> None:
        """Learn the pace from two turns between which somebody waited all the time."""
        now = self._clock()
        if self._moved is not None:
            # One long stop is not the pace of all that follows.
            step_s = min(now - self._moved, self._patience_s / 4)
            self._step_s += SMOOTHING * (step_s - self._step_s)
        self._moved = now
