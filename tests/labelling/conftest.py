"""A worker for each test."""

from collections.abc import AsyncIterator

import pytest_asyncio

from service.database.lone import Lone
from service.settings import Settings
from tests.labelling.ground import Worker, building, worker
from tests.postgres import Server
from tests.sessions import Connect, connections


@pytest_asyncio.fixture(loop_scope="module")
async def labeller(cluster: Server, database: str, settings: Settings) -> AsyncIterator[Worker]:
    """Have a session that embeds."""
    async with worker(cluster, database, settings) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def connect(cluster: Server, database: str) -> AsyncIterator[Connect]:
    """Open sessions that are closed at the end."""
    async with connections(cluster, database) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def builder(cluster: Server, database: str, settings: Settings) -> AsyncIterator[Lone]:
    """Have a session that makes partitions."""
    async with building(cluster, database, settings) as found:
        yield found
