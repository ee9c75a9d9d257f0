"""Vectors that are easy to reckon with, and a worker that is stepped by hand."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from service.catalog.load import load
from service.database.lone import Lone
from service.database.pool import Pool
from service.labelling.tenant import ALWAYS, TenantLabels
from service.model.vector import DIMENSIONS, unit
from service.repository.base import Repository
from service.settings import Settings
from tests.factories import Tenant
from tests.postgres import Server

WORDS: Final = "words/1"


def axis(number: int) -> bytes:
    """Make a vector along one axis."""
    return unit([1.0 if place == number else 0.0 for place in range(DIMENSIONS)])


def of_meaning(text: str) -> bytes:
    """Let texts of one length mean the same."""
    return axis(len(text) % DIMENSIONS)


def of_spelling(text: str) -> bytes:
    """Let texts that begin alike be spelled alike."""
    return axis(ord(text[0].lower()) % DIMENSIONS)


class Counted:
    """Computes vectors, and counts the texts of which it did; without a model of words only."""

    def __init__(self, model: str = "meaning/1") -> None:
        self.model = model
        self.words = WORDS
        self.texts: list[str] = []

    async def of_model(self, texts: Sequence[str]) -> bytes:
        """Compute vectors of meaning."""
        self.texts += texts
        return b"".join(map(of_meaning, texts))

    async def of_words(self, texts: Sequence[str]) -> bytes:
        """Compute vectors of spelling."""
        return b"".join(map(of_spelling, texts))


class Meddling(Counted):
    """Lets something happen between reading and writing."""

    def __init__(self, meddle: Callable[[], Awaitable[object]]) -> None:
        super().__init__()
        self._meddle: Callable[[], Awaitable[object]] | None = meddle

    async def of_model(self, texts: Sequence[str]) -> bytes:
        """Compute, when it has happened."""
        if self._meddle:
            meddle, self._meddle = self._meddle, None
            await meddle()
        return await super().of_model(texts)


class Worker:
    """A session of plant_worker that embeds tenants."""

    def __init__(self, cluster: Server, database: str, settings: Settings) -> None:
        url = cluster.url("worker", database)
        self.lone = Lone(url, settings, name="labels", vectors=True)
        self.repository = Repository(load(), Pool(url, settings))

    def labels(self, tenant: Tenant, vectors: Counted, since: object = ALWAYS) -> TenantLabels:
        """Have the labels of a tenant at hand."""
        return TenantLabels(self.repository, self.lone, vectors, tenant.id, since)  # type: ignore[arg-type]

    async def embedded(self, tenant: Tenant, vectors: Counted, since: object = ALWAYS) -> int:
        """Embed all of a tenant; gives how many labels were written."""
        labels = self.labels(tenant, vectors, since)
        written = 0
        async with asyncio.timeout(60):
            while True:
                found = await labels.round()
                written += found.written
                if not found.more:
                    return written


@asynccontextmanager
async def worker(cluster: Server, database: str, settings: Settings) -> AsyncIterator[Worker]:
    """Have a worker with its session."""
    found = Worker(cluster, database, settings)
    await found.lone.open()
    try:
        yield found
    finally:
        await found.lone.close()


@asynccontextmanager
async def building(
    cluster: Server, database: str, settings: Settings, who: str = "owner"
) -> AsyncIterator[Lone]:
    """Have a session that makes partitions, by default of the owner."""
    url = cluster.url(who, database)
    lone = Lone(url, settings, name="building", vectors=True, patient=True)
    await lone.open()
    try:
        yield lone
    finally:
        await lone.close()
