"""The connections of a service, asked for what they have kept: while it works, and after."""

import asyncio
import random
from contextlib import AsyncExitStack, suppress

import asyncpg

from service.database.pool import Pool
from service.errors import Problem
from tests.bench import until
from tests.chaos.ground import Stage
from tests.leftovers import leftovers

OPEN = """
SELECT application_name || ' is ' || state || ' since ' || coalesce(xact_start::text, '-')
FROM pg_stat_activity
WHERE datname = $1 AND application_name LIKE 'plant app%'
AND (state <> 'idle' OR xact_start IS NOT NULL)
"""
"""What the server sees of sessions that nobody uses."""

CUT = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError)


class Sessions:
    """Every connection of the pools of one service.

    asked: how often one was asked, in the middle of the work or at rest.
    """

    def __init__(self, pools: list[Pool], stage: Stage) -> None:
        self._pools = pools
        self._stage = stage
        self.asked = 0
        self.broken: list[str] = []

    async def watch(self, draw: random.Random) -> None:
        """Ask connections as they come back from others, until this is cancelled."""
        while True:
            pool = draw.choice(self._pools)
            # It is cut, cancelled or refused now and then, as everybody's is.
            with suppress(Problem, asyncpg.PostgresError, *CUT):
                async with pool.connection() as connection:
                    self._note(await leftovers(connection), "at work")
            await asyncio.sleep(draw.uniform(0, 0.02))

    async def at_rest(self) -> None:
        """Ask each of them while nobody works, and the server what it sees."""
        for pool in self._pools:

            async def asked(pool: Pool = pool) -> bool:
                # What was cut is found out by whoever has it next, and a server may be starting.
                with suppress(Problem, *CUT):
                    await self._all(pool)
                    return True
                return False

            await until(asked, bool)
        async with self._stage.superuser() as session:
            rows: list[asyncpg.Record] = []

            async def found() -> list[asyncpg.Record]:
                rows[:] = await session.fetch(OPEN, self._stage.database)
                return rows

            # What goes on for a client that has left ends by itself; what is kept does not.
            with suppress(TimeoutError):
                await until(found, lambda kept: not kept)
        self.broken += [f"at rest: {row[0]}" for row in rows]

    async def _all(self, pool: Pool) -> None:
        async with AsyncExitStack() as stack:
            lent = [
                await stack.enter_async_context(pool.connection()) for _ in range(pool.size_max)
            ]
            for connection in lent:
                self._note(await leftovers(connection), "at rest")

    def _note(self, found: list[str], when: str) -> None:
        self.asked += 1
        self.broken += [f"a connection {when}: {one}" for one in found]
