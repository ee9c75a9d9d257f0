"""An arena of the schema as it is, and one in which a guard may be taken out."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from service.catalog.load import Catalog
from service.settings import Settings
from tests.isolation.arena import Arena, arena_on
from tests.postgres import Server


@pytest_asyncio.fixture(loop_scope="module")
async def arena(
    cluster: Server, database: str, catalog: Catalog, settings: Settings
) -> AsyncIterator[Arena]:
    """Have the schema as it is, and a fresh tenant."""
    async with arena_on(cluster, database, catalog, settings) as found:
        yield found


@pytest.fixture
def scratch(cluster: Server, template: str) -> Iterator[str]:
    """Have a database for one test, to take guards out of; its name."""
    name = cluster.clone(template)
    yield name
    cluster.drop(name)


@pytest_asyncio.fixture(loop_scope="module")
async def open_arena(
    cluster: Server, scratch: str, catalog: Catalog, settings: Settings
) -> AsyncIterator[Arena]:
    """Have an arena of one's own, to take guards out of."""
    async with arena_on(cluster, scratch, catalog, settings) as found:
        yield found
