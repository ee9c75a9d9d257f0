"""The gate in front of a pool: who comes waits, unless that would be in vain.

A queue that is longer than what will be served in time makes everybody late, those at its end for
nothing. So the gate watches how fast the queue moves, and refuses at once what is too much.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

SMOOTHING: Final = 0.1
"""The weight of the last step of the queue among those before it."""


class Gate:
    """Those who wait, since when, and how fast they move on.

    At most `waiting_max` wait, and nobody who at their pace would wait for more than `soon_s`.
    `stalls`: nobody either when the first of them has waited for that long.
    `at_once`: so many are served side by side. While there are no more of them their pace says
    nothing of how long one would wait, and whoever comes is let in. Units: seconds.

    Who steps aside waits for something of their own: nobody waits because of them.
    """

    def __init__(
        self,
        waiting_max: int,
        soon_s: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        stalls: bool = True,
        at_once: int = 0,
    ) -> None:
        self._waiting_max = waiting_max
        self._soon_s = soon_s
        self._clock = clock
        self._stalls = stalls
        self._at_once = at_once
        self._since: dict[object, float] = {}  # the first in front
        self._aside = 0
        self._step_s = 0.0
        self._moved: float | None = None
        self._learned = 0.0

    @property
    def waiting(self) -> int:
        """Count those who wait."""
        return len(self._since)

    @property
    def full(self) -> bool:
        """Say whether whoever comes now would wait in vain."""
        waiting = len(self._since)
        if waiting >= self._waiting_max:
            return True
        waiting -= self._aside
        if waiting <= self._at_once:
            return False
        now = self._clock()
        # A pace that nobody has gone at for so long is that of another day.
        if now - self._learned <= self._soon_s and waiting * self._step_s > self._soon_s:
            return True
        return self._stalls and now - next(iter(self._since.values())) > self._soon_s

    def enter(self) -> object:
        """Wait; gives what `leave` needs."""
        waiter = object()
        self._since[waiter] = self._clock()
        return waiter

    def leave(self, waiter: object, *, served: bool) -> None:
        """Wait no longer; whoever was served shows the pace."""
        if served:
            self._move()
        del self._since[waiter]
        if not self._since:
            # Nobody waits: the time until the next turn says nothing of the pace.
            self._moved = None

    @contextmanager
    def queued(self) -> Iterator[None]:
        """Wait inside; whoever leaves without an exception was served."""
        waiter = self.enter()
        served = False
        try:
            yield
            served = True
        finally:
            self.leave(waiter, served=served)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Let one of those who wait say nothing of the pace for as long as this lasts."""
        self._aside += 1
        try:
            yield
        finally:
            self._aside -= 1

    def _move(self) -> None:
        """Learn the pace from two turns between which somebody waited all the time."""
        if len(self._since) - self._aside <= self._at_once:
            self._moved = None
            return
        now = self._clock()
        if now - self._learned > self._soon_s:
            self._step_s = 0.0
        if self._moved is not None:
            # One long stop is not the pace of all that follows.
            step_s = min(now - self._moved, self._soon_s / 2)
            self._step_s += SMOOTHING * (step_s - self._step_s)
        self._moved = self._learned = now
