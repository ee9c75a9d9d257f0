"""The work that goes on beside a running service, as plant_worker, or alone as `plant worker`."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from service.catalog.load import load as load_catalog
from service.database.lone import Lone
from service.database.pool import Pool
from service.database.shares import shares
from service.database.target import Target
from service.repository.base import Repository
from service.sealing.background import Background
from service.sealing.desk import Desk
from service.sealing.standing import Standing
from service.settings import Settings

END_S: Final = 5.0
"""How long it may take to come to an end; what is left then is for whoever leads next."""


def desk_of(settings: Settings, target: Target) -> Desk:
    """Give the place where the leader works, not connected yet."""
    url = target.url("worker")
    # The statements alone are taken from it: this pool is never opened.
    repository = Repository(load_catalog(), Pool(url, shares(settings).worker, name="worker"))
    return Desk(repository, Lone(url, settings, name="worker"))


@asynccontextmanager
async def background(
    settings: Settings, target: Target, standing: Standing
) -> AsyncIterator[Callable[[], None]]:
    """Place and seal entries and remove what has expired, over one connection.

    It begins when what is given is called, and has come to its end when the block is left.
    """
    stop = asyncio.Event()
    work = Background(desk_of(settings, target), settings, standing)
    tasks: set[asyncio.Task[None]] = set()

    def begin() -> None:
        tasks.add(asyncio.create_task(work.run(stop)))

    try:
        yield begin
    finally:
        stop.set()
        if tasks:
            await asyncio.wait(tasks, timeout=END_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
