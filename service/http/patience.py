"""How long the server waits for a client: for a request to come, for an answer to be taken.

An answer is in memory until the client has taken it, and aiohttp waits for that as long as the
connection stands.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

HEAD_S: Final = 10.0
"""From the opening of a connection, or a later request's first byte, to the end of its headers."""

TAKEN_S: Final = 30.0
"""What is written has to be taken within this time: 4 MiB of a page, a piece of a stream."""

UNREAD_MAX: Final = 128 * 1024 * 1024
"""Bytes of answers that wait for all clients together; what has waited longest gives way."""


class Deadline:
    """Calls back when something has not happened in time."""

    def __init__(self, seconds: float, missed: Callable[[], None]) -> None:
        self._seconds = seconds
        self._missed = missed
        self._handle: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Begin to wait, unless it is waited for already."""
        if self._handle is None:
            loop = asyncio.get_running_loop()
            self._handle = loop.call_later(self._seconds, self._call)

    def end(self) -> None:
        """Wait no longer."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _call(self) -> None:
        self._handle = None
        self._missed()


class Unread:
    """What waits for the clients of one server."""

    def __init__(self) -> None:
        self._waiting: dict[Any, int] = {}
        self._bytes = 0

    def add(self, transport: asyncio.WriteTransport, held: int) -> None:
        """Count what a client has not taken, or the body that it is the end of, and make room."""
        size = max(held, transport.get_write_buffer_size())
        self._waiting[transport] = size
        self._bytes += size
        while self._bytes > UNREAD_MAX:
            oldest = next(iter(self._waiting))
            self.remove(oldest)
            oldest.abort()

    def remove(self, transport: asyncio.BaseTransport) -> None:
        """Count a client no longer: it has taken everything, or is gone."""
        self._bytes -= self._waiting.pop(transport, 0)
