"""Room for those who wait for what another transaction has taken, out of everybody else's way.

They hold connections for as long as somebody else goes on, and nothing tells how long that is. So
all of them have half of a pool at most, those of one tenant half of that, and the gate at the door
does not take them for a queue in which whoever comes next would stand. Where a tenant has as many
here as there are connections, its next ones go into the lanes one by one: to find out that one has
to wait takes a lane's time.
"""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Final

from service.database.pool import Pool

SHARES: Final = 4
"""One in so many of those who may wait for a connection may be one tenant's."""


class Outside:
    """The places outside; a pool of two connections has one, which all tenants share."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self._most = max(pool.size_max, pool.waiting_max // SHARES)
        self._places = asyncio.Semaphore(max(1, pool.size_max // 2))
        self._tenants: dict[Hashable, _Tenant] = {}
        self.back = 0

    @property
    def count(self) -> int:
        """Count those who are here, with a place or without, and those who go one by one."""
        return sum(each.count + each.before for each in self._tenants.values()) - self.back

    def is_crowded(self, whose: Hashable) -> bool:
        """Say whether as many of this tenant as the pool has connections are here."""
        tenant = self._tenants.get(whose)
        return tenant is not None and tenant.count >= self.pool.size_max

    @asynccontextmanager
    async def turn(self, whose: Hashable, until: float) -> AsyncIterator[None]:
        """Have the one turn of a tenant who is crowded, until that time of the loop or not at all.

        Raises: Unavailable, at once when a quarter of all that may wait are this tenant's.
        """
        tenant = self._entered(whose)
        tenant.before += 1
        try:
            with self.pool.entrance.aside():
                await self._acquired(tenant.turn, until)
            try:
                yield
            finally:
                tenant.turn.release()
        finally:
            tenant.before -= 1
            self._forget(whose, tenant)

    @asynccontextmanager
    async def place(self, whose: Hashable, until: float) -> AsyncIterator[None]:
        """Wait for a place until that time of the loop, and have it.

        Raises: Unavailable when there is none by then, and as `turn` does.
        """
        tenant = self._entered(whose)
        tenant.count += 1
        try:
            with self.pool.entrance.aside():
                async with self._had(tenant.places, until), self._had(self._places, until):
                    yield
        finally:
            tenant.count -= 1
            self._forget(whose, tenant)

    async def stand_back(self, whose: Hashable, seconds: float) -> None:
        """Wait a little without a place; `back` counts those who do.

        Raises: Unavailable, as `turn` does.
        """
        tenant = self._entered(whose)
        tenant.before += 1
        self.back += 1
        try:
            with self.pool.entrance.aside():
                await asyncio.sleep(seconds)
        finally:
            self.back -= 1
            tenant.before -= 1
            self._forget(whose, tenant)

    def _entered(self, whose: Hashable) -> "_Tenant":
        tenant = self._tenants.get(whose)
        if tenant is None:
            tenant = self._tenants[whose] = _Tenant(self.pool.size_max)
        if tenant.count + tenant.before >= self._most:
            raise self.pool.refusal()
        return tenant

    @asynccontextmanager
    async def _had(self, places: asyncio.Semaphore, until: float) -> AsyncIterator[None]:
        await self._acquired(places, until)
        try:
            yield
        finally:
            places.release()

    async def _acquired(self, places: asyncio.Semaphore, until: float) -> None:
        try:
            async with asyncio.timeout_at(until):
                await places.acquire()
        except TimeoutError:
            raise self.pool.late() from None

    def _forget(self, whose: Hashable, tenant: "_Tenant") -> None:
        if not (tenant.count or tenant.before):
            del self._tenants[whose]


class _Tenant:
    """Those of one tenant who are here, and those who stand back or go one by one (`before`)."""

    __slots__ = ("before", "count", "places", "turn")

    def __init__(self, size_max: int) -> None:
        self.count = self.before = 0
        self.places = asyncio.Semaphore(max(1, size_max // 4))
        self.turn = asyncio.Semaphore(1)
