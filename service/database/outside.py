"""Room for those who wait for what another transaction has taken, out of everybody else's way.

They hold connections for as long as somebody else goes on, and nothing tells how long that is. So
all of them have half of a pool at most, those of one tenant half of that, and the gate at the door
does not take them for a queue in which whoever comes next would stand. Where a tenant has as many
here as there are connections, the next ones of it wait before they try at all.
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
        self._pool = pool
        self._most = max(pool.size_max, pool.waiting_max // SHARES)
        self._places = asyncio.Semaphore(max(1, pool.size_max // 2))
        self._tenants: dict[Hashable, _Tenant] = {}

    @property
    def count(self) -> int:
        """Count those who are here, with a place or without, and those who are not yet."""
        return sum(tenant.count + tenant.before for tenant in self._tenants.values())

    def is_crowded(self, whose: Hashable) -> bool:
        """Say whether as many of this tenant as the pool has connections are here."""
        tenant = self._tenants.get(whose)
        return tenant is not None and tenant.count >= self._pool.size_max

    async def uncrowded(self, whose: Hashable, until: float) -> None:
        """Wait until there are fewer, or that time of the loop.

        Raises: Unavailable, at once when a quarter of all that may wait are this tenant's.
        """
        tenant = self._tenants[whose]
        if tenant.count + tenant.before >= self._most:
            raise self._pool.refusal()
        tenant.before += 1
        try:
            with self._pool.entrance.aside():
                async with asyncio.timeout_at(until):
                    while tenant.count >= self._pool.size_max:
                        await tenant.left.wait()
        except TimeoutError:
            raise self._pool.late() from None
        finally:
            tenant.before -= 1
            self._forget(whose, tenant)

    @asynccontextmanager
    async def place(self, whose: Hashable) -> AsyncIterator[None]:
        """Wait for a place, and have it.

        Raises: Unavailable when there is none in the time that one waits for a connection.
        """
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
            tenant.left.set()
            tenant.left = asyncio.Event()
            self._forget(whose, tenant)

    def _forget(self, whose: Hashable, tenant: "_Tenant") -> None:
        if not (tenant.count or tenant.before):
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
    """Those of one tenant who are here, with a place or without, and those who are not yet.

    `left`: set when the next one leaves.
    """

    __slots__ = ("before", "count", "left", "places")

    def __init__(self, size_max: int) -> None:
        self.count = self.before = 0
        self.left = asyncio.Event()
        self.places = asyncio.Semaphore(max(1, size_max // 4))
