"""Where on a connection one request ends and the next begins, seen from the bytes.

The parser does not tell what it has kept, and whoever takes the rest of one request for the
beginning of another lets a client write the first lines of someone else's. So bytes are counted
here from the first one on, and where they leave any doubt nothing is known until the connection
ends.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

_HEAD: Final = re.compile(
    rb"(?!CONNECT )(?P<method>[A-Z]{1,16}) (?P<target>/[!-~]*) HTTP/1\.1\r\n"
    # A name ends at its first colon, so that there is one way to read a line.
    rb"(?:[!-9;-~]+:[^\r\n\0]*\r\n)+\r\n"
)
# The first line of such a head.
_LINE: Final = re.compile(rb"(?!CONNECT )([A-Z]{1,16}) (/[!-~]*) HTTP/1\.1\r\n")
_UNUSUAL: Final = re.compile(
    rb"\r\n(?:expect:|transfer-encoding:|upgrade:|connection:(?![ \t]*keep-alive[ \t]*\r\n)"
    rb"|content-length:(?![ \t]*\d{1,9}[ \t]*\r\n))",
    re.IGNORECASE,
)
# What ends a line begins the next one too: two lines that stand together are two.
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*(?=\r\n)", re.IGNORECASE)


PLAIN_MAX: Final = 4096
"""Bytes of lines that are remembered: a client sends the same ones again and again."""


@lru_cache(maxsize=1024)
def _is_plain(lines: bytes) -> bool:
    """Say whether lines are all that is behind a first line: no body, nothing unusual."""
    head = b"GET / HTTP/1.1\r\n" + lines
    plain = _HEAD.fullmatch(head) and not _LENGTH.search(head) and not _UNUSUAL.search(head)
    return bool(plain)


class Request(NamedTuple):
    """A request whose head came as a whole and says nothing unusual of its connection.

    `lines`: what is behind its first line, the empty line included. `whole`: its body has come too,
    and nothing after it.
    """

    method: str
    target: str
    lines: bytes
    whole: bool


class Framing:
    """Counts the bytes of one connection."""

    def __init__(self) -> None:
        # How many bytes of a body are to come; None: where the next request begins is not known.
        self._missing: int | None = 0

    @property
    def known(self) -> bool:
        """Say whether it is known where each request so far began and ended."""
        return self._missing is not None

    @property
    def between(self) -> bool:
        """Say whether the next byte is the first one of a request."""
        return self._missing == 0

    def lose(self) -> None:
        """Take it that nothing is known any more."""
        self._missing = None

    def take(self, data: bytes) -> Request | None:
        """Count what came; gives the request that begins with it."""
        if self._missing is None or not data:
            return None
        if self._missing:
            self._missing = self._missing - len(data) if len(data) <= self._missing else None
            return None
        begin = data.find(b"\n") + 1
        if data.endswith(b"\r\n\r\n") and len(data) - begin <= PLAIN_MAX:
            lines, first = data[begin:], _LINE.fullmatch(data, 0, begin)
            if first is not None and _is_plain(lines):
                return Request(first[1].decode(), first[2].decode(), lines, whole=True)
        found = _HEAD.match(data)
        lengths = _LENGTH.findall(data, 0, found.end()) if found else []
        if found is None or len(lengths) > 1 or _UNUSUAL.search(data, 0, found.end()):
            self._missing = None
            return None
        missing = int(lengths[0] if lengths else 0) - (len(data) - found.end())
        self._missing = missing if missing >= 0 else None
        method, target = found["method"].decode(), found["target"].decode()
        return Request(method, target, data[begin : found.end()], whole=missing == 0)
