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
from service.labelling.background import Labelling
from service.labelling.standing import LabelStanding
from service.labelling.vectors import Vectors
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


def labelling(
    settings: Settings, target: Target, vectors: Vectors, standing: LabelStanding
) -> Labelling:
    """Give what embeds, not connected yet."""
    lone = Lone(target.url("worker"), settings, name="labels", vectors=True)
    return Labelling(desk_of(settings, target).repository, lone, vectors, standing)


@asynccontextmanager
async def background(
    settings: Settings,
    target: Target,
    vectors: Vectors,
    standing: Standing,
    labels: LabelStanding,
) -> AsyncIterator[Callable[[], None]]:
    """Place and seal entries and remove what has expired; embed what was written.

    Each is done over a connection of its own.

    It begins when what is given is called, and has come to its end when the block is left.
    """
    stop = asyncio.Event()
    log = Background(desk_of(settings, target), settings, standing)
    embedding = labelling(settings, target, vectors, labels)
    tasks: list[asyncio.Task[None]] = []

    def begin() -> None:
        tasks.extend(asyncio.create_task(each.run(stop)) for each in (log, embedding))

    try:
        yield begin
    finally:
        stop.set()
        if tasks:
            # Labels go on where they ended; the log is sealed once more.
            tasks[1].cancel()
            await asyncio.wait(tasks[:1], timeout=END_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
