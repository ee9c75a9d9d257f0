"""What commands share that run until a signal ends them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from service.database.target import Target
from service.refusal import Refusal

log = logging.getLogger(__name__)

WATCH_S: Final = 1.0


@asynccontextmanager
async def watching(target: Target) -> AsyncIterator[None]:
    """Start the embedded server again when it dies under the service."""
    server = target.server
    if server is None:
        yield
        return

    async def watch() -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            try:
                if await asyncio.to_thread(server.revive):
                    log.warning("the embedded PostgreSQL had died and was started again")
            except Refusal as refusal:
                log.critical("the embedded PostgreSQL died and does not start: %s", refusal)

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Give the faster event loop, where there is one."""
    try:
        import uvloop
    except ImportError:  # not on every platform; the standard loop serves as well
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
