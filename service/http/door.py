"""Whoever would only wait in vain is refused at the door, before anything is spent on the request.

A refusal that costs as much as an answer makes a busy service do less the more is asked of it. So
a request that is there as a whole is refused from its bytes, before it is parsed; one that comes in
pieces, or says something unusual of its connection, is refused when it is parsed. Both before
routing, key and body; what the pool itself refuses has had those.

Those that are under way are counted while the service works on them, and no longer: the time that
a client takes for its body, or for an answer, is not the service's.
"""

import logging
import re
import time
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import unquote

from aiohttp import web

from service.database.gate import Gate
from service.database.pool import BUSY, Pool
from service.errors import Unavailable
from service.http import problems
from service.http.counted import counted
from service.http.framing import Request
from service.http.metrics import METRICS
from service.http.reading import REPOSITORY, checks, compares, searches
from service.http.request import request_id, usable_id
from service.http.short_way import SHORT
from service.http.unreadable import check_framing
from service.http.wire import framed, parts

log = logging.getLogger(__name__)

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
GUARDED: Final = "/v1/"
"""What goes to the database. Health and metrics have to answer most of all when it is busy."""

REFUSED: Final = frozenset({"GET", "POST", "PATCH", "PUT", "DELETE"})
"""Refused from their bytes, with a body, which HEAD must not have."""

TOLD_S: Final = 1.0
"""A line of the log says how many were refused since the one before."""

_IDENTITY: Final = re.compile(rb"(?:\A|\r\n)request-id:[ \t]*([!-~]+)[ \t]*(?=\r\n)", re.IGNORECASE)
_PLACE: Final = "the-place-of-the-request-id"


class Door:
    """Stands before the application."""

    def __init__(self, app: web.Application, handler: Handler) -> None:
        self._handler = handler
        self.short = app.get(SHORT)
        self._repository = app[REPOSITORY]
        self._answers = app[METRICS].answers
        self._answer = _Answer()
        self._refused = 0
        self._told = 0.0

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Refuse a request that is parsed, or pass it on."""
        check_framing(request)
        # What the router takes for the same path is refused as it is.
        if request.rel_url.path.startswith(GUARDED):
            pool, entrance = self._queue(request.method, request.rel_url.path_qs)
            here = counted(request)
            # Who is counted has been asked, and is one of those who are in already.
            if pool.full or (not here.is_counted and entrance.full):
                self._count(request.method)
                return problems.response(pool.refusal(), request_id(request))
            if request.content.is_eof():
                here.count(entrance)
        return await self._handler(request)

    def entrance(self, request: Request) -> Gate | None:
        """Give the gate that counts a request; None for one that is always let in."""
        guarded = request.target.startswith(GUARDED)
        return self._queue(request.method, request.target)[1] if guarded else None

    def refusal(self, request: Request) -> bytes | None:
        """Give the whole answer to a whole request that is refused; None for whatever else."""
        method = request.method
        if method not in REFUSED or not request.target.startswith(GUARDED):
            return None
        pool, entrance = self._queue(method, request.target)
        if not (pool.full or entrance.full):
            return None
        pool.refusal()
        self._count(method)
        return self._answer.written(_identity(request.lines))

    def _queue(self, method: str, target: str) -> tuple[Pool, Gate]:
        """Give the pool that a request goes by, and the gate that counts it there."""
        repository = self._repository
        # The router takes the same path written in other ways.
        target = unquote(target) if "%" in target else target
        if searches(method, target) or compares(method, target) or checks(method, target):
            return repository.reads, repository.searches.entrance
        pool = repository.reads if method in problems.SAFE_METHODS else repository.pool
        return pool, pool.entrance

    def _count(self, method: str) -> None:
        self._answers.refused(method)
        self._refused += 1
        now = time.monotonic()
        if now - self._told >= TOLD_S:
            log.warning("busy: %d requests refused at the door", self._refused)
            self._refused, self._told = 0, now


def _identity(lines: bytes) -> str:
    found = _IDENTITY.findall(lines)
    return usable_id(found[0].decode() if len(found) == 1 else "")


class _Answer:
    """The answer to whoever is refused, written once: only its id and its date differ."""

    def __init__(self) -> None:
        answer = problems.response(Unavailable(BUSY), _PLACE)
        del answer.headers["Request-Id"]
        self._head, body = parts(answer)
        self._body = body.split(_PLACE.encode())
        self._length = sum(map(len, self._body))

    def written(self, identity: str) -> bytes:
        """Give it as it goes over the wire."""
        rest = f"Request-Id: {identity}\r\n{framed(self._length + len(identity))}"
        return (self._head + rest).encode() + identity.encode().join(self._body)
