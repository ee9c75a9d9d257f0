"""Whoever would only wait in vain is refused at the door, before anything is spent on the request.

A refusal that costs as much as an answer makes a busy service do less the more is asked of it.
This one comes before routing, middlewares and the body; what the pool itself refuses has had them.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from service.database.pool import Pool
from service.http import problems
from service.http.metrics import METRICS
from service.http.reading import REPOSITORY
from service.http.request import request_id

log = logging.getLogger(__name__)

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
GUARDED: Final = "/v1/"
"""What goes to the database. Health and metrics have to answer most of all when it is busy."""

TOLD_S: Final = 1.0
"""A line of the log says how many were refused since the one before."""


class Door:
    """Stands before the application."""

    def __init__(self, app: web.Application, handler: Handler) -> None:
        self._handler = handler
        self._repository = app[REPOSITORY]
        self._metrics = app[METRICS]
        self._refused = 0
        self._told = 0.0

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Refuse, or pass on."""
        if request.rel_url.raw_path.startswith(GUARDED):
            reads = request.method in problems.SAFE_METHODS
            pool = self._repository.reads if reads else self._repository.pool
            if pool.full:
                return self._refusal(request, pool)
        return await self._handler(request)

    def _refusal(self, request: web.BaseRequest, pool: Pool) -> web.Response:
        self._metrics.refuse(request.method)
        self._tell()
        return problems.response(pool.refusal(), request_id(request))

    def _tell(self) -> None:
        self._refused += 1
        now = time.monotonic()
        if now - self._told >= TOLD_S:
            log.warning("busy: %d requests refused at the door", self._refused)
            self._refused, self._told = 0, now
