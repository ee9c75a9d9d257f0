"""What the properties are shown with: sessions, pools of any size, worlds, and what is left."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
from msgspec import structs

from service.database.pool import Pool
from service.repository.base import Repository
from service.settings import Settings
from tests.factories import Tenant, World, make_tenant, make_world
from tests.postgres import Server
from tests.sessions import Connect, connections

Open = Callable[..., Awaitable[Pool]]


@pytest_asyncio.fixture(loop_scope="module")
async def connect(cluster: Server, database: str) -> AsyncIterator[Connect]:
    """Open sessions as a role."""
    async with connections(cluster, database) as opened:
        yield opened


@pytest.fixture(scope="module")
def app_url(cluster: Server, database: str) -> str:
    """Give the address of the module's database for the service."""
    return cluster.url("app", database)


@pytest_asyncio.fixture(loop_scope="module")
async def open_pool(app_url: str, settings: Settings) -> AsyncIterator[Open]:
    """Open pools of plant_app, whose settings may differ; each is closed at the end."""
    async with AsyncExitStack() as stack:

        async def opened(name: str = "app", *, url: str | None = None, **changed: Any) -> Pool:
            chosen = structs.replace(settings, **changed)
            pool = Pool(url or app_url, chosen, name=name)
            stack.push_async_callback(pool.close)
            await pool.open()
            return pool

        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def settled(owner: Repository) -> Tenant:
    """Have a tenant for the whole module, in which tests leave nothing that others look at."""
    return await make_tenant(owner)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(repository: Repository, settled: Tenant) -> World:
    """Have one active entity of each kind in the module's tenant."""
    return await make_world(repository, settled)
