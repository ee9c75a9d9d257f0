"""Sessions that get in the way of a statement of the service, as often as a test wants.

A deadlock needs who locks A and wants B, and who locks B and wants A. Here the service's own
statement locks three rows in the order of their ids, and is the one that closes the circle: the
session that closes it asks at once, and the others only after a minute, so it is the one that the
server ends.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg
from msgspec import Struct

from tests.isolation.acts import change
from tests.isolation.arena import Arena
from tests.postgres import Server
from tests.sessions import Connection, pid

HASTY = "ALTER DATABASE {} SET deadlock_timeout = '10ms'"
WAITING = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND pg_isolation_test_session_is_blocked(pid, ARRAY[$1::integer])
"""


@contextmanager
def hasty(cluster: Server, template: str) -> Iterator[str]:
    """Have a database whose sessions look for a deadlock as soon as they wait; its name."""
    name = cluster.clone(template)
    cluster.run(HASTY.format(name))
    try:
        yield name
    finally:
        cluster.drop(name)


class Circle(Struct, frozen=True):
    """Two sessions that hold what a statement of the service locks second and last."""

    arena: Arena
    ids: list[str]
    middle: Connection
    last: Connection
    watcher: Connection

    async def close(
        self, statement: Callable[[], Awaitable[Any]], times: int
    ) -> asyncio.Future[Any]:
        """Send a statement and make it the victim of so many deadlocks; gives its task.

        Afterwards it is done, or waits until these sessions have ended.
        """
        sent: asyncio.Future[Any] | None = None
        first: Any = None
        for _ in range(times):
            holding = await self._held(self.middle, self.ids[1])
            if first:
                await first.rollback()  # the first row is free for the next try
            sent = sent or asyncio.ensure_future(statement())
            waiting = await self._who_waits_for(self.middle, sent)
            first = self.last.transaction()
            await first.start()
            wanted = asyncio.ensure_future(self.change(self.last, self.ids[0]))
            while pid(self.last) not in await self._waiting_for(waiting):
                assert not wanted.done()
            await holding.rollback()
            # The statement goes on to the last row and is ended; who waits gets the first row.
            await wanted
        assert sent
        return sent

    async def end(self) -> None:
        """Undo what the sessions have done, and let go."""
        for session in (self.middle, self.last):
            await session.close(timeout=5)

    async def _held(self, connection: Connection, identity: str) -> Any:
        savepoint = connection.transaction()
        await savepoint.start()
        await self.change(connection, identity)
        return savepoint

    async def change(self, connection: Connection, identity: str) -> None:
        """Change an entity in a session."""
        await change(self.arena, connection, "skill", identity, governance_notes="in the way")

    async def _who_waits_for(self, holding: Connection, statement: asyncio.Future[Any]) -> int:
        while not (found := await self._waiting_for(pid(holding))):
            assert not statement.done(), "it did not wait"
        (one,) = found
        return one

    async def _waiting_for(self, backend: int) -> list[int]:
        return [row["pid"] for row in await self.watcher.fetch(WAITING, backend)]


@asynccontextmanager
async def circle(arena: Arena, superuser_url: str, ids: list[str]) -> AsyncIterator[Circle]:
    """Have two sessions that hold what they have until the end, and then undo it."""
    sessions = []
    for _ in range(2):
        session = await asyncpg.connect(superuser_url)
        # Not as its own user, which may not choose how long it waits before it looks.
        await session.execute("SET deadlock_timeout = '1min'; SET ROLE plant_app")
        await session.transaction().start()
        sessions.append(session)
    middle, last = sessions
    found = Circle(arena, ids, middle, last, arena.superuser)
    await found.change(last, ids[2])
    try:
        yield found
    finally:
        await found.end()
