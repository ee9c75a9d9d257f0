"""Connections for searches, which take long: tenants take turns, and other reads go past them.

What asks for compliance counts as one: it takes as long.

All connections for reads but one are theirs at most, and all of these but one a tenant's: another
one's next search need not wait until one of theirs has ended. Who waits for a turn is not in the
queue of the pool, nor counted at the door among those who read: nobody who wants one entity is
refused for how long searches take.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from service.database.gate import Gate
from service.database.pool import Pool
from service.database.turns import Turns


class Searches:
    """The turns of the searches over one pool.

    As many wait as may wait for a connection, of one tenant a quarter. Each statement of a search
    has a turn of its own: it waits for that no longer than for a connection, and as long again for
    the connection. `entrance`: a gate for searches that have been let in and are not answered; it
    goes by their number alone, since the pace of one tenant is not that of another.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        at_once = max(1, pool.size_max - 1)
        self._places = pool.waiting_max + at_once
        each = max(1, at_once - 1)
        self._turns = Turns(at_once, each=each, busy=pool.refusal, late=pool.late)
        self.entrance = Gate(self._places, math.inf, stalls=False)

    @property
    def waiting(self) -> int:
        """Count those who wait for their turn."""
        return self._turns.waiting

    @asynccontextmanager
    async def connection(self, whose: str) -> AsyncIterator[asyncpg.Connection[Any]]:
        """Lend a connection when it is a tenant's turn; it goes back whatever happens.

        Raises: Unavailable.
        """
        async with (
            self._turns.turn(self._places, whose, within_s=self._pool.acquire_s),
            self._pool.connection() as connection,
        ):
            yield connection
