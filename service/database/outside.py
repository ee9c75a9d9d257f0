"""Room for those who wait for what another transaction has taken, out of everybody else's way.

They hold connections for as long as somebody else goes on, and nothing tells how long that is. So
all of them have half of a pool at most, those of one tenant half of that, and the gate at the door
does not take them for a queue in which whoever comes next would stand.
"""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

from service.database.pool import Pool


class Outside:
    """The places outside; a pool of two connections has one, which all tenants share."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._places = asyncio.Semaphore(max(1, pool.size_max // 2))
        self._tenants: dict[Hashable, _Tenant] = {}

    @property
    def count(self) -> int:
        """Count those who are here, with a place or without."""
        return sum(tenant.count for tenant in self._tenants.values())

    def has_room(self, whose: Hashable) -> bool:
        """Say whether fewer of this tenant than the pool has connections are here."""
        tenant = self._tenants.get(whose)
        return tenant is None or tenant.count < self._pool.size_max

    @asynccontextmanager
    async def place(self, whose: Hashable) -> AsyncIterator[None]:
        """Wait for a place, and have it.

        Raises: Unavailable when there is none in the time that one waits for a connection; at once
        when there is no room.
        """
        if not self.has_room(whose):
            raise self._pool.refusal()
        tenant = self._tenants.setdefault(whose, _Tenant(self._pool.size_max))
        tenant.count += 1
        try:
            with self._pool.entrance.aside():
                await self._waited_for(tenant)
                try:
                    yield
                finally:
                    self._places.release()
                    tenant.places.release()
        finally:
            tenant.count -= 1
            if not tenant.count:
                del self._tenants[whose]

    async def _waited_for(self, tenant: "_Tenant") -> None:
        try:
            async with asyncio.timeout(self._pool.acquire_s):
                await tenant.places.acquire()
                try:
                    await self._places.acquire()
                except BaseException:
                    tenant.places.release()
                    raise
        except TimeoutError:
            raise self._pool.late() from None


class _Tenant:
    """Those of one tenant who are here, with a place or without."""

    __slots__ = ("count", "places")

    def __init__(self, size_max: int) -> None:
        self.count = 0
        self.places = asyncio.Semaphore(max(1, size_max // 4))
