"""What ends when its client goes away."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from service.http.protocol import Protocol


@contextmanager
def ending_with_client(request: web.BaseRequest) -> Iterator[None]:
    """Cancel what is inside when the client goes away; elsewhere a handler goes on without it.

    It takes as long as its client does, so it is not counted among those that are under way.
    """
    protocol, task = request.protocol, asyncio.current_task()
    if not isinstance(protocol, Protocol) or task is None:
        raise TypeError(protocol)
    protocol.leaving = task
    protocol.discount(served=False)
    if protocol.transport is None:
        task.cancel()
    try:
        yield
    finally:
        protocol.leaving = None
