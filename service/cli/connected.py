"""What commands share that talk to the database through the catalogue."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from service.catalog.load import load as load_catalog
from service.database.address import Role
from service.database.pool import Pool
from service.database.target import Target
from service.repository.base import Repository
from service.settings import Settings


@asynccontextmanager
async def repository(settings: Settings, target: Target, role: Role) -> AsyncIterator[Repository]:
    """Have the catalogue's statements at hand, run as one role over a small pool."""
    few = msgspec.structs.replace(settings, pool_min=1, pool_max=2)
    found = Repository(load_catalog(), Pool(target.url(role), few, name=f"command {role}"))
    await found.pool.open()
    try:
        yield found
    finally:
        await found.pool.close()
