"""Who waits for a connection gets one before whoever comes later."""

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest

from service.database.pool import Pool
from service.errors import Unavailable
from service.settings import Settings
from tests.bench import until
from tests.postgres import Server

pytestmark = pytest.mark.database

FEW = Settings(pool_min=2, pool_max=2, acquire_timeout_ms=5_000)


@pytest.fixture
async def pool(cluster: Server, database: str) -> AsyncIterator[Pool]:
    """Have a pool of two."""
    pool = Pool(cluster.url("app", database), FEW)
    await pool.open()
    yield pool
    await pool.close()


async def test_nobody_is_overtaken(pool: Pool) -> None:
    """Not by those who come back at once either, as busy clients do."""
    asked = itertools.count()
    served: list[int] = []

    async def client() -> None:
        for _ in range(20):
            number = next(asked)
            async with pool.connection() as connection:
                served.append(number)
                await connection.fetchval("SELECT 1")

    await asyncio.gather(*(client() for _ in range(8)))

    assert [] == [(place, number) for place, number in enumerate(served) if abs(place - number) > 1]


async def test_who_gives_up_takes_no_turn_along(pool: Pool) -> None:
    """Cancelled while waiting, or as the turn came: the next one has it."""

    async def waits() -> None:
        async with pool.connection() as connection:
            await connection.fetchval("SELECT 1")

    for _ in range(20):
        async with pool.connection(), pool.connection():
            waiting = [asyncio.create_task(waits()) for _ in range(4)]

            async def all_wait() -> int:
                return pool.statistics.waiting

            await until(all_wait, lambda count: count == 4)
            waiting[0].cancel()
        waiting[1].cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    async with pool.connection() as one, pool.connection() as other:
        assert (1, 1) == (await one.fetchval("SELECT 1"), await other.fetchval("SELECT 1"))


async def test_a_turn_is_waited_for_so_long(cluster: Server, database: str) -> None:
    """Then one is refused, and the turn of those who were served is free again."""
    pool = Pool(
        cluster.url("app", database), Settings(pool_min=1, pool_max=1, acquire_timeout_ms=100)
    )
    await pool.open()
    try:
        async with pool.connection():
            with pytest.raises(Unavailable):
                await pool.connection().__aenter__()
        async with pool.connection() as connection:
            assert 1 == await connection.fetchval("SELECT 1")
    finally:
        await pool.close()


async def test_one_that_is_lost_as_it_goes_back_takes_no_answer_along(pool: Pool) -> None:
    """What it was lent for has been answered by then; its place is free for the next."""
    for _ in range(4):
        async with pool.connection() as connection:
            assert 1 == await connection.fetchval("SELECT 1")
            # The pool takes it back in a task of its own: this comes between.
            asyncio.get_running_loop().call_soon(connection.terminate)
        async with pool.connection() as one, pool.connection() as other:
            assert (1, 1) == (await one.fetchval("SELECT 1"), await other.fetchval("SELECT 1"))
