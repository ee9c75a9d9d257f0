"""Where a request reads: the primary, or on request a replica, as long as that can answer.

The whole request reads in one place. What the replica cannot answer, or not well, the primary
answers as if nobody had asked for a replica: its loss is not the client's.
"""

import asyncio
import re
from http import HTTPStatus
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from service.errors import NotFound, Problem
from service.http.deadline import UNBOUNDED
from service.http.preferences import preferred
from service.http.problems import SAFE_METHODS
from service.http.request import if_none_match
from service.model.kinds import KINDS
from service.repository.base import Repository
from service.usecases.replica import Replica

REPOSITORY: Final = web.AppKey("repository", Repository)
REPLICA: Final = web.AppKey("replica", Replica)
PATIENCE_S: Final = web.AppKey("replica_patience_s", float)
"""How long the replica may take, so that the primary still can answer in time."""

SEARCHES: Final = frozenset({"/v1/search", "/v1/search/duplicates", "/v1/match"})
"""Routes that only read though they take a body."""

_READS: Final = web.RequestKey("reads", Repository)
_PATIENCE: Final = web.RequestKey("replica_patience", asyncio.Timeout)
_APPLIED: Final = web.RequestKey("replica_applied", bool)
_VERSION: Final = re.compile(r'"?(\d{1,18})-')


def reading(request: web.Request) -> Repository:
    """Give the repository that a request which only reads goes by."""
    found = request.get(_READS)
    request[_APPLIED] = found is not None
    return found or request.app[REPOSITORY]


def searches(method: str, target: str) -> bool:
    """Say whether a request searches; `target` is its path, with its query or without."""
    return method == "POST" and target.partition("?")[0] in SEARCHES


def compares(method: str, target: str) -> bool:
    """Say whether a creation searches first (`similar=`); `target` is its path with its query."""
    path, _, query = target.partition("?")
    return method == "POST" and "similar=" in query and path.removeprefix("/v1/") in KINDS


def checks(method: str, target: str) -> bool:
    """Say whether a request asks for compliance, which takes long, as a search does."""
    return method in SAFE_METHODS and target.partition("?")[0].endswith("/compliance")


def only_reads(method: str, target: str) -> bool:
    """Say whether a request changes nothing."""
    return method in SAFE_METHODS or searches(method, target)


def unhurried(request: web.Request) -> None:
    """Let the replica take as long as the request may, since it takes long everywhere."""
    if _READS in request:
        request[_PATIENCE].reschedule(None)


@web.middleware
async def choose(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request that asks for it read at the replica, and at the primary what fails there."""
    replica = request.app.get(REPLICA)
    if replica is None or not _asks(request):
        return await handler(request)
    if replica.usable:
        request[_READS] = replica.repository
        answer = await _there(request, handler)
        if answer is not None:
            replica.answers["replica"] += request.get(_APPLIED, False)
            return answer
        del request[_READS]
    answer = await handler(request)
    replica.answers["primary"] += _APPLIED in request
    return answer


async def applied(request: web.Request, response: web.StreamResponse) -> None:
    """Say on an answer that it came from the replica."""
    if request.get(_APPLIED) and response.status < HTTPStatus.BAD_REQUEST:
        response.headers["Preference-Applied"] = "replica"


async def _there(request: web.Request, handler: Handler) -> web.StreamResponse | None:
    """Answer at the replica; None when the primary has to."""
    patience_s = None if request.path in UNBOUNDED else request.app[PATIENCE_S]
    try:
        async with asyncio.timeout(patience_s) as patience:
            request[_PATIENCE] = patience
            answer = await handler(request)
    except Exception as exc:
        # A stream that has begun cannot begin again.
        if request.writer.output_size > 0 or _refuses(exc):
            raise
        return None
    return None if _is_older(request, answer) else answer


def _asks(request: web.Request) -> bool:
    """Say whether a replica is wanted and may answer: it does not know of every past time."""
    return (
        only_reads(request.method, request.path)
        and "as_of" not in request.query
        and preferred(request.headers.getall("Prefer", ()), "replica") == ""
    )


def _refuses(exc: Exception) -> bool:
    """Say whether the primary would refuse the same; what is not there yet may be there."""
    if isinstance(exc, Problem):
        return exc.status < HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(exc, NotFound)
    return isinstance(exc, web.HTTPException)


def _is_older(request: web.Request, answer: web.StreamResponse) -> bool:
    """Say whether a client that shows the version it has would get one from before it."""
    found = _VERSION.match(answer.headers.get("ETag", ""))
    condition = if_none_match(request) if found else None
    if found is None or condition is None:
        return False
    known = (_VERSION.match(tag) for tag in (*condition.strong, *condition.weak))
    return any(int(one[1]) > int(found[1]) for one in known if one)
