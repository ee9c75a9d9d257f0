"""What tests of statements have in common."""

from collections.abc import AsyncIterator

import pytest_asyncio

from service.database.pool import Pool
from service.repository.base import Repository
from service.settings import Settings
from tests.database.forged import UNTRIGGERED, Forged, forging
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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def untriggered(superuser: Connection) -> None:
    """Have no trigger and no foreign key in the module's database."""
    await superuser.execute(UNTRIGGERED)


@pytest_asyncio.fixture(loop_scope="module")
async def forged(
    superuser: Connection, repository: Repository, untriggered: None
) -> AsyncIterator[Forged]:
    """Have tables without a row, in a transaction that is undone."""
    async with forging(superuser, repository) as found:
        yield found
