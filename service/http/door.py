"""Whoever would only wait in vain is refused at the door, before anything is spent on the request.

A refusal that costs as much as an answer makes a busy service do less the more is asked of it. So
a request that is there as a whole is refused from its bytes, before it is parsed; one that comes in
pieces, or says something unusual of its connection, is refused when it is parsed. Both before
routing, key and body; what the pool itself refuses has had those.
"""

import logging
import re
import time
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from aiohttp import web
from aiohttp.helpers import rfc822_formatted_time

from service.database.gate import Gate
from service.database.pool import BUSY, Pool
from service.errors import Unavailable
from service.http import problems
from service.http.metrics import METRICS
from service.http.reading import REPOSITORY
from service.http.request import request_id, usable_id

log = logging.getLogger(__name__)

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
GUARDED: Final = "/v1/"
"""What goes to the database. Health and metrics have to answer most of all when it is busy."""

TOLD_S: Final = 1.0
"""A line of the log says how many were refused since the one before."""

_WHOLE: Final = re.compile(
    rb"(?P<method>GET|POST|PATCH|PUT|DELETE) /v1/[!-~]* HTTP/1\.1\r\n"
    # A name ends at its first colon, so that there is one way to read a line.
    rb"(?:[!-9;-~]+:[^\r\n\0]*\r\n)+\r\n"
)
_TARGET: Final = re.compile(rb"(?P<method>[A-Z]+) (?P<path>/[!-~]*) HTTP/1")
_UNUSUAL: Final = re.compile(
    rb"\r\n(?:expect:|transfer-encoding:|upgrade:|connection:(?![ \t]*keep-alive[ \t]*\r\n)"
    rb"|content-length:(?![ \t]*\d{1,9}[ \t]*\r\n))",
    re.IGNORECASE,
)
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*\r\n", re.IGNORECASE)
_IDENTITY: Final = re.compile(rb"\r\nrequest-id:[ \t]*([!-~]+)[ \t]*\r\n", re.IGNORECASE)


_PLACE: Final = "the-place-of-the-request-id"


class Ticket(NamedTuple):
    """One that was let in."""

    entrance: Gate
    waiter: object

    def give_back(self, *, served: bool) -> None:
        """Say that it is under way no longer."""
        self.entrance.leave(self.waiter, served=served)


class Door:
    """Stands before the application."""

    def __init__(self, app: web.Application, handler: Handler) -> None:
        self._handler = handler
        self._repository = app[REPOSITORY]
        self._metrics = app[METRICS]
        self._answer = _Answer()
        self._refused = 0
        self._told = 0.0

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Refuse a request that is parsed, or pass it on."""
        if request.rel_url.raw_path.startswith(GUARDED):
            pool = self._pool(request.method)
            # It is one of those who are in already: the entrance is not asked again.
            if pool.full:
                self._count(request.method)
                return problems.response(pool.refusal(), request_id(request))
        return await self._handler(request)

    def enter(self, data: bytes) -> Ticket | None:
        """Count a request that came with these bytes as one that is under way.

        What came in pieces counts as a change: the line that would say more is gone.
        """
        found = _TARGET.match(data)
        if found and not found["path"].startswith(GUARDED.encode()):
            return None
        entrance = self._pool(found["method"].decode() if found else "POST").entrance
        return Ticket(entrance, entrance.enter())

    def refusal(self, data: bytes) -> bytes | None:
        """Give the whole answer to one whole request that is refused; None for whatever else."""
        if not (_full(self._repository.reads) or _full(self._repository.pool)):
            return None
        found = _WHOLE.match(data)
        if found is None or _UNUSUAL.search(data, 0, found.end()):
            return None
        lengths = _LENGTH.findall(data, 0, found.end())
        if len(lengths) > 1 or len(data) - found.end() != int(lengths[0] if lengths else 0):
            return None
        method = found["method"].decode()
        pool = self._pool(method)
        if not _full(pool):
            return None
        pool.refusal()
        self._count(method)
        return self._answer.written(_identity(data[: found.end()]))

    def _pool(self, method: str) -> Pool:
        reads = method in problems.SAFE_METHODS
        return self._repository.reads if reads else self._repository.pool

    def _count(self, method: str) -> None:
        self._metrics.refuse(method)
        self._refused += 1
        now = time.monotonic()
        if now - self._told >= TOLD_S:
            log.warning("busy: %d requests refused at the door", self._refused)
            self._refused, self._told = 0, now


def _full(pool: Pool) -> bool:
    return pool.full or pool.entrance.full


def _identity(head: bytes) -> str:
    found = _IDENTITY.findall(head)
    return usable_id(found[0].decode() if len(found) == 1 else "")


class _Answer:
    """The answer to whoever is refused, written once: only its id and its date differ."""

    def __init__(self) -> None:
        answer = problems.response(Unavailable(BUSY), _PLACE)
        body = answer.body
        if not isinstance(body, bytes):
            raise TypeError(body)
        self._body = body.split(_PLACE.encode())
        given = {name: value for name, value in answer.headers.items() if name != "Request-Id"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        self._head = f"HTTP/1.1 {answer.status} {answer.reason}\r\n{lines}"
        self._length = sum(map(len, self._body))

    def written(self, identity: str) -> bytes:
        """Give it as it goes over the wire."""
        length, date = self._length + len(identity), rfc822_formatted_time()
        head = f"Request-Id: {identity}\r\nContent-Length: {length}\r\nDate: {date}\r\n\r\n"
        return (self._head + head).encode() + identity.encode().join(self._body)
