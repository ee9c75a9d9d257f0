"""The places of those who wait for others' transactions: how many there are, and whose."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from msgspec import structs

from service.database.outside import Outside
from service.database.pool import Pool
from service.errors import Unavailable
from service.settings import Settings

SOON_MS = 20
LATE_MS = 60_000


def some(size: int, acquire_timeout_ms: int) -> tuple[Outside, Pool]:
    """Have the places of a pool of this size, to which nobody connects."""
    settings = structs.replace(
        Settings(), pool_max=size, acquire_timeout_ms=acquire_timeout_ms, waiting_max=100
    )
    pool = Pool("postgresql://nowhere", settings)
    return Outside(pool), pool


def soon(outside: Outside) -> float:
    """Give the time of the loop until which one waits for a connection."""
    return asyncio.get_running_loop().time() + outside.pool.acquire_s


@asynccontextmanager
async def taken(outside: Outside, *tenants: str) -> AsyncIterator[None]:
    """Have a place for each of these."""
    async with AsyncExitStack() as stack:
        for tenant in tenants:
            await stack.enter_async_context(outside.place(tenant, soon(outside)))
        yield


async def waiting(outside: Outside, *tenants: str) -> list[asyncio.Task[None]]:
    """Let these wait; whoever has a place gives it back at once."""

    async def one(tenant: str) -> None:
        async with outside.place(tenant, soon(outside)):
            pass

    tasks = [asyncio.create_task(one(tenant)) for tenant in tenants]
    await asyncio.sleep(0)
    return tasks


async def test_half_of_a_pool_is_for_those_who_wait_for_others() -> None:
    """Who gets no place in time is told so, and counted as late."""
    outside, pool = some(8, SOON_MS)
    async with taken(outside, "a", "a", "b", "b"):
        (late,) = await waiting(outside, "c")
        with pytest.raises(Unavailable):
            await late
    assert (1, 0) == (pool.statistics.timeouts, pool.statistics.refused)
    async with taken(outside, "c", "c", "d", "d"):
        pass


async def test_a_tenant_leaves_places_to_others() -> None:
    """It has a quarter; what it wants beyond that waits, and others pass by."""
    outside, _ = some(8, LATE_MS)
    async with taken(outside, "a", "a"):
        stuck = await waiting(outside, *["a"] * 6)
        async with asyncio.timeout(LATE_MS / 2000), taken(outside, "b", "c"):
            assert not any(one.done() for one in stuck)
    await asyncio.gather(*stuck)


async def test_where_a_tenant_has_as_many_as_there_are_connections_the_next_go_one_by_one() -> None:
    """Until time is up; of all that may wait it has a quarter, and no other tenant is crowded."""
    outside, pool = some(8, LATE_MS)
    gone = asyncio.Event()

    async def next_one() -> None:
        async with outside.turn("a", soon(outside)):
            await gone.wait()

    async with taken(outside, "a", "a"):
        stuck = await waiting(outside, *["a"] * 6)
        assert (True, False) == (outside.is_crowded("a"), outside.is_crowded("b"))
        turns = [asyncio.create_task(next_one()) for _ in range(25 - 8 - 1)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            async with outside.turn("a", asyncio.get_running_loop().time()):
                pass
        assert (1, 0) == (pool.statistics.timeouts, pool.statistics.refused)
        turns.append(asyncio.create_task(next_one()))
        await asyncio.sleep(0)
        assert 25 == outside.count
        for refused in (outside.turn, outside.place):
            with pytest.raises(Unavailable):
                async with refused("a", soon(outside)):
                    pass
        assert (1, 2) == (pool.statistics.timeouts, pool.statistics.refused)
        assert not any(one.done() for one in turns)
        gone.set()
        await asyncio.gather(*turns)
    await asyncio.gather(*stuck)
    assert 0 == outside.count


async def test_who_is_cancelled_while_waiting_leaves_nothing_behind() -> None:
    """Neither a place of the tenant's nor one of all."""
    outside, _ = some(8, LATE_MS)
    async with taken(outside, "c"):
        async with taken(outside, "a", "a", "b"):
            stuck = await waiting(outside, "a", "c")
            for one in stuck:
                one.cancel()
            await asyncio.gather(*stuck, return_exceptions=True)
        async with asyncio.timeout(LATE_MS / 2000), taken(outside, "a", "a", "c"):
            pass


async def test_the_smallest_pool_has_a_place() -> None:
    """Of its two connections one is for others."""
    outside, _ = some(2, SOON_MS)
    async with taken(outside, "a"):
        with pytest.raises(Unavailable):
            await asyncio.gather(*await waiting(outside, "b"))
