"""What of one connection goes the short way: one request, while what comes behind it waits."""

import asyncio
from collections.abc import Callable
from typing import Final, NamedTuple

from aiohttp import web

from service.http.framing import Request
from service.http.short_answers import Answer, ShortAnswers
from service.http.short_reads import ShortReads

BEHIND_MAX: Final = 64 * 1024
"""Bytes that wait behind a request before no more are read."""


class Short(NamedTuple):
    """Who knows and who answers what goes the short way."""

    reads: ShortReads
    answers: ShortAnswers


SHORT: Final = web.AppKey("short", Short)


class ShortWay:
    """The short way of a connection.

    `done` is told of each answer, None where there can be none, and of what has come behind it.
    """

    def __init__(self, short: Short | None, done: Callable[[Answer | None, bytes], None]) -> None:
        self._short = short
        self._done = done
        self._behind = bytearray()
        self._free: asyncio.Future[None] | None = None
        self.is_taken = False  # by a request that is under way

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
        if self._short is None:
            return False
        known = self._short.reads.known(request.lines)
        read = None if known is None else self._short.reads.read(request, known)
        if read is None:
            return False
        self.is_taken = True
        self._short.answers.begin(read, self._answered)
        return True

    async def ended(self, seconds: float | None) -> None:
        """Wait until no request is under way, so many seconds at most."""
        if self.is_taken:
            self._free = asyncio.get_running_loop().create_future()
            await asyncio.wait({self._free}, timeout=seconds)

    def _answered(self, answer: Answer | None) -> None:
        behind = bytes(self._behind)
        self._behind.clear()
        self.is_taken = False
        if self._free is not None and not self._free.done():
            self._free.set_result(None)
        self._done(answer, behind)
