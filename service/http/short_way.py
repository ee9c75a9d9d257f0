"""What of one connection goes the short way: one request, while what comes behind it waits."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from service.http.framing import Request
from service.http.points import Answer, Known, Point, Points

log = logging.getLogger(__name__)

BEHIND_MAX: Final = 64 * 1024
"""Bytes that wait behind a request before no more are read."""


class ShortWay:
    """The short way of a connection.

    `done` is told of each answer, None where there can be none, and of what has come behind it.
    """

    def __init__(self, points: Points | None, done: Callable[[Answer | None, bytes], None]) -> None:
        self._points = points
        self._done = done
        self._known: Known | None = None
        self._task: asyncio.Task[None] | None = None
        self._behind = bytearray()

    @property
    def is_taken(self) -> bool:
        """Say whether a request is under way."""
        return self._task is not None

    @property
    def waiting(self) -> int:
        """Count the bytes that wait."""
        return len(self._behind)

    @property
    def is_full(self) -> bool:
        """Say whether no more is to be read for now."""
        return len(self._behind) > BEHIND_MAX

    def wait(self, data: bytes) -> None:
        """Keep what comes behind the request that is under way."""
        self._behind += data

    def begin(self, request: Request) -> bool:
        """Answer a whole request if it is one for here; say whether it is."""
        if self._points is None:
            return False
        lines = request.head[request.head.index(b"\n") + 1 :]
        known = self._known
        if known is None or known.lines != lines:
            # The next request of a connection mostly has the same lines.
            self._known = known = self._points.known(lines)
        point = known and self._points.point(request, known)
        if point is None:
            return False
        answered = self._answered(self._points, point)
        self._task = asyncio.get_running_loop().create_task(answered)
        return True

    async def ended(self, seconds: float | None) -> None:
        """Wait until no request is under way, so many seconds at most."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=seconds)

    async def _answered(self, points: Points, point: Point) -> None:
        answer: Answer | None = None
        try:
            answer = await points.answer(point)
        except Exception:
            log.exception("a read could not be answered: its connection ends")
        finally:
            behind = bytes(self._behind)
            self._behind.clear()
            self._task = None
        self._done(answer, behind)
