"""The tidying that goes on beside a running service, as plant_worker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.catalog.load import load as load_catalog
from service.database.pool import Pool
from service.database.shares import shares
from service.database.target import Target
from service.repository.base import Repository
from service.settings import Settings
from service.usecases.tidying import keep_tidy


@asynccontextmanager
async def tidying(settings: Settings, target: Target) -> AsyncIterator[None]:
    """Remove what has expired, over one connection that is there only while it is needed."""
    pool = Pool(target.url("worker"), shares(settings).worker, name="worker")
    worker = Repository(load_catalog(), pool)
    await worker.pool.open()
    task = asyncio.create_task(keep_tidy(worker))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await worker.pool.close()
