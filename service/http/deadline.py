"""How long a request may take: as the settings say, and for what is told to wait so much longer."""

import asyncio
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

REQUEST_S: Final = web.AppKey("request_s", float)

UNBOUNDED: Final = frozenset({"/v1/exports", "/v1/imports"})
"""Routes that take as long as there is data: no deadline for the whole request."""

_DEADLINE: Final = web.RequestKey("deadline", asyncio.Timeout)


@web.middleware
async def deadline(request: web.Request, handler: Handler) -> web.StreamResponse:
    """End a request that takes longer than the settings allow."""
    if request.path in UNBOUNDED:
        return await handler(request)
    async with asyncio.timeout(request.app[REQUEST_S]) as timeout:
        request[_DEADLINE] = timeout
        return await handler(request)


def extend(request: web.Request, seconds: float) -> None:
    """Let a request take so much longer, since it is to wait for something."""
    timeout = request[_DEADLINE]
    timeout.reschedule((timeout.when() or 0) + seconds)
