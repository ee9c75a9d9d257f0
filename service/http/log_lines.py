"""The lines of the request log, past what `logging` does for each of its records.

A record and a write of its own for each line cost more than a short request: here a line is a
piece of text, and all lines of one turn of the event loop are written at once.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, Literal, TextIO

import msgspec

LOGGER: Final = "service.http.request_log"
"""What has a line for each request."""

Form = Literal["text", "json"]


class Lines(logging.Handler):
    """Writes to a stream: text for a person, JSON for a collector."""

    def __init__(self, stream: TextIO, form: Form) -> None:
        super().__init__()
        self.form = form
        self._stream = stream
        self._front = _Front()
        self._lines: list[str] = []

    def put(self, members: Mapping[str, Any]) -> None:
        """Write a line of these members, at the end of this turn of the loop."""
        if self.form == "json":
            self._put(json_line(time.time(), "info", LOGGER, members) + "\n")
        else:
            self.put_words(" ".join(f"{name}={value}" for name, value in members.items()))

    def put_words(self, words: str) -> None:
        """Write a line of text."""
        self._put(f"{self._front.now()}{words}\n")

    def _put(self, line: str) -> None:
        self._lines.append(line)
        if len(self._lines) == 1:
            try:
                asyncio.get_running_loop().call_soon(self.flush)
            except RuntimeError:
                self.flush()

    def emit(self, record: logging.LogRecord) -> None:
        """Write the members of a record."""
        self.put(getattr(record, "members", {}))

    def flush(self) -> None:
        """Write what waits; a stream that takes nothing costs lines, and no request."""
        lines, self._lines = self._lines, []
        with suppress(OSError, ValueError):
            self._stream.write("".join(lines))
            self._stream.flush()


class _Front:
    """What stands in front of a line, as `logging` writes it; a second is written once."""

    def __init__(self) -> None:
        self._second = 0
        self._at = ""

    def now(self) -> str:
        """Give it as of now."""
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second = second
            self._at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        return f"{self._at},{int((now - second) * 1000):03} INFO {LOGGER}: "


def json_line(at: float, level: str, logger: str, members: Mapping[str, Any]) -> str:
    """Write a line of JSON, without its end: when (seconds of the epoch), how grave, whence."""
    head = {"at": datetime.fromtimestamp(at, UTC).isoformat(), "level": level, "logger": logger}
    return msgspec.json.encode(head | dict(members)).decode()
