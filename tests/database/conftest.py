"""What tests of statements have in common."""

from collections.abc import AsyncIterator

import pytest_asyncio

from service.database.pool import Pool
from service.settings import Settings
from tests.postgres import Server
from tests.sessions import Connection


@pytest_asyncio.fixture(loop_scope="module")
async def app(cluster: Server, database: str, settings: Settings) -> AsyncIterator[Connection]:
    """Have a connection of the service's pool, with its settings, for this test alone."""
    pool = Pool(cluster.url("app", database), settings)
    await pool.open()
    async with pool.connection() as connection:
        yield connection
    await pool.close()
