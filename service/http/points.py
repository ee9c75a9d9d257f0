"""Reads by id on the short way: answered from their bytes to bytes, past aiohttp.

What comes here is usual in everything: its head, its key, which is remembered and may read, and
its path. Whatever else a request is goes the long way, and gets the same answer there; a problem
is the same on both ways too.
"""

import asyncio
import re
import time
from typing import Final, NamedTuple

from aiohttp import web
from aiohttp.helpers import rfc822_formatted_time

from service.errors import NotFound, Problem, RateLimited
from service.http import problems, request_log
from service.http.answers import JSON, PRIVATE
from service.http.caller import AUTHENTICATOR, context_of
from service.http.deadline import REQUEST_S
from service.http.deprecation import DEPRECATED
from service.http.framing import Request
from service.http.metrics import METRICS
from service.http.overdue import Overdue
from service.http.rates import RATES, Left
from service.http.reading import REPOSITORY
from service.http.request import usable_id
from service.http.usual import Usual, usual
from service.http.wire import written
from service.model.etag import quoted
from service.model.kinds import KINDS, Kind
from service.model.strict import is_uuid
from service.repository.base import Context
from service.repository.entities import Document, EntityById
from service.usecases.keys import key_hash

TARGET: Final = re.compile(r"/v1/([a-z-]+)/([^/]+)")
SCOPE: Final = "read"


class Known(NamedTuple):
    """The lines of a head, what they say, and the hash of the key that is in them."""

    lines: bytes
    usual: Usual
    digest: bytes


class Point(NamedTuple):
    """A read by id that is to be answered."""

    kind: Kind
    id: str
    head: Usual
    context: Context
    left: Left | None
    begun: float


class Answer(NamedTuple):
    """An answer as it goes over the wire."""

    status: int
    data: bytes


class Points:
    """Answers reads by id."""

    def __init__(self, app: web.Application) -> None:
        self._app = app
        self._kinds = {
            path: kind
            for path, kind in KINDS.items()
            if ("GET", _route(kind)) not in app[DEPRECATED]
        }
        self._overdue = Overdue(app[REQUEST_S])
        self._authenticator = app[AUTHENTICATOR]
        self._repository = app[REPOSITORY]
        self._answers = app[METRICS].answers

    def known(self, lines: bytes) -> Known | None:
        """Read the lines of a head; None for an unusual one."""
        head = usual(lines)
        return None if head is None else Known(lines, head, key_hash(head.key))

    def point(self, request: Request, known: Known) -> Point | None:
        """Say what is asked for; None for what has to go the long way. It counts for its key."""
        found = TARGET.fullmatch(request.target) if request.method == "GET" else None
        if found is None or not is_uuid(found[2]):
            return None
        kind = self._kinds.get(found[1])
        identity = self._authenticator.recalled_by(known.digest)
        if kind is None or identity is None or SCOPE not in identity.scopes:
            return None
        keys, left = self._app[RATES].keys, None
        if keys is not None:
            try:
                left = keys.take(str(identity.key_id))
            except RateLimited:
                return None
        context = context_of(identity, usable_id(known.usual.request_id))
        return Point(kind, found[2].lower(), known.usual, context, left, time.perf_counter())

    async def answer(self, point: Point) -> Answer:
        """Read it and write the answer, be it a problem; the metrics and the log have it then."""
        try:
            found = await self._found(point)
        except Exception as exc:  # noqa: BLE001 - whatever it is becomes a problem
            problem = problems.from_exception(exc, committing=False)
        else:
            if found is not None:
                answer = _written(point, found.document, found.etag)
                self._told(point, answer.status, None)
                return answer
            problem = NotFound(point.kind.absent)
        self._told(point, problem.status, problem.slug)
        return Answer(problem.status, _refused(point, problem))

    async def _found(self, point: Point) -> Document | None:
        """Read it, within the time of a request.

        Raises: Problem, TimeoutError.
        """
        task = asyncio.current_task()
        if task is None:
            raise TypeError(task)
        self._overdue.begin(task)
        try:
            query = EntityById(point.kind.name, point.id)
            return await self._repository.maybe(query, point.context)
        except asyncio.CancelledError:
            if self._overdue.end(task):
                raise
            raise TimeoutError from None
        finally:
            self._overdue.end(task)

    def _told(self, point: Point, status: int, slug: str | None) -> None:
        seconds, route = time.perf_counter() - point.begun, _route(point.kind)
        self._answers.answered("GET", route, status, seconds)
        if request_log.wanted():
            given = point.context.request_id, point.head.traceparent, point.context, slug
            request_log.write(request_log.Answered("GET", route, status, seconds, *given))


POINTS: Final = web.AppKey("points", Points)


def _route(kind: Kind) -> str:
    return f"/v1/{kind.path}/{{id}}"


def _written(point: Point, document: str, etag: str) -> Answer:
    """Write what `answers.document` answers, with the headers of every answer."""
    same = point.head.condition is not None and point.head.condition.names(etag)
    status, body = (304, b"") if same else (200, document.encode())
    said = "304 Not Modified" if same else "200 OK"
    of_body = "" if same else f"Content-Type: {JSON}\r\nContent-Length: {len(body)}\r\n"
    rate = "".join(f"{name}: {value}\r\n" for name, value in _left(point).items())
    head = (
        f"HTTP/1.1 {said}\r\nETag: {quoted(etag)}\r\nCache-Control: {PRIVATE}\r\n{rate}{of_body}"
        f"Date: {rfc822_formatted_time()}\r\nServer: plant\r\n"
        f"Request-Id: {point.context.request_id}\r\n\r\n"
    )
    return Answer(status, head.encode() + body)


def _refused(point: Point, problem: Problem) -> bytes:
    identity = point.context.request_id
    problems.report(problem, identity, "GET", _route(point.kind))
    answer = problems.response(problem, identity)
    answer.headers.update(_left(point))
    return written(answer)


def _left(point: Point) -> dict[str, str]:
    return point.left.headers() if point.left is not None else {}
