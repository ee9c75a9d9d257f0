"""Short reads that come together travel together: one round trip for all that wait.

While a connection is free a read goes at once and alone. Who comes when all lanes are taken waits
for one, and goes with everybody else who waits for the same statement. Each read of a batch brings
its own context and gives exactly one row, in which the rows of a page are arrays, so that no
answer can be taken for another's.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Any, ClassVar, Final

import asyncpg

from service.catalog.statement import Statement
from service.database.pool import Pool
from service.errors import Problem

LANES_MAX: Final = 4
"""Connections that reads have at a time; with more the batches are smaller, and nothing is won."""

BATCH_MAX: Final = 32
"""Reads of one batch: the documents of so many are in memory together."""

PAGES_MAX: Final = 8
"""Those of one batch that give many rows: they take long, and the next batch waits for it."""

TURNS_MAX: Final = 16
"""Batches for which a lane keeps its connection while others may want one."""

ALONE: Final = object()
"""The company of a batch of one."""

Row = tuple[Any, ...]
Sending = Callable[[], None]


def unheard() -> None:
    """Hear that a read goes out, of which nothing follows."""


class Waiting:
    """A call in the queue: what it asks, and where its rows go; None: it has to go alone.

    `sending` is called when it goes out. `company`: with whom it goes, anybody, those of a tenant
    or nobody (ALONE); `waited`: what it went with had to wait for a lock. `whose`: the tenant's.
    `unsent`: it was given back as it came.
    """

    __slots__ = (
        "arguments",
        "company",
        "rows",
        "sending",
        "statement",
        "unsent",
        "waited",
        "waiter",
        "whose",
    )

    def __init__(
        self, statement: Statement, arguments: Row, sending: Sending, waiter: object
    ) -> None:
        self.statement = statement
        self.arguments = arguments
        self.sending = sending
        self.waiter = waiter
        self.company: Hashable = None
        self.whose: Hashable = None
        self.unsent = self.waited = False
        self.rows: asyncio.Future[list[Row] | None] = asyncio.get_running_loop().create_future()


class Batcher:
    """Sends calls that give a row or none over a few connections of a pool, at most half of them.

    `sent` counts round trips, `read` the calls that they carried.
    """

    most: ClassVar[int] = BATCH_MAX

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._taken = 0
        self._queue = deque[Waiting]()
        self._lanes = set[asyncio.Task[None]]()
        self._most = self.most
        self.sent = self.read = 0

    async def fetch(
        self, statement: Statement, arguments: Row, sending: Sending = unheard
    ) -> list[Row]:
        """Run a statement, alone or with others; `sending` is called when it goes out.

        Raises: Problem, and what the server raises.
        """
        if self.is_busy:
            rows = await self.queue(statement, arguments, sending)
            if rows is not None:
                return rows
            return await self._alone(statement, arguments, sending)
        self._taken += 1
        try:
            return await self._alone(statement, arguments, sending)
        finally:
            self._leave()

    @property
    def is_busy(self) -> bool:
        """Say whether who comes now has to wait, and goes with others."""
        return self._taken >= max(1, min(LANES_MAX, self._room(self._pool.size_max)))

    def _room(self, size: int) -> int:
        """Say how many connections of a pool are for this."""
        return size // 2

    def queue(
        self, statement: Statement, arguments: Row, sending: Sending = unheard
    ) -> asyncio.Future[list[Row] | None]:
        """Let a call wait for the others; its rows are None where it has to go alone.

        That is when somebody's in its batch has failed, and none of them is told whose, or when
        its rows are too many.

        Raises: Problem; so may what is given.
        """
        return self._queued(statement, arguments, sending).rows

    def _queued(self, statement: Statement, arguments: Row, sending: Sending) -> Waiting:
        waiting = Waiting(statement, arguments, sending, self._pool.enter())
        self._queue.append(waiting)
        return waiting

    async def _alone(self, statement: Statement, arguments: Row, sending: Sending) -> list[Row]:
        async with self._pool.connection() as connection:
            self.sent, self.read = self.sent + 1, self.read + 1
            sending()
            return [tuple(record) for record in await connection.fetch(statement.query, *arguments)]

    def _leave(self) -> None:
        """Give a lane to those who wait, or back."""
        if self._queue:
            self._begin_lane()
        else:
            self._taken -= 1

    def _begin_lane(self) -> None:
        lane = asyncio.get_running_loop().create_task(self._lane())
        self._lanes.add(lane)
        lane.add_done_callback(self._lanes.discard)

    async def _lane(self) -> None:
        try:
            async with self._pool.connection_for_queued(self._queue) as connection:
                for _ in range(TURNS_MAX):
                    batch = self._next()
                    if not batch:
                        break
                    await self._send(connection, batch)
                    if _has_ended(connection):
                        # What still waits has not been sent: it goes over another one.
                        break
        except Problem as problem:
            # No connection came free for as long as anybody waits for one.
            while self._queue:
                waiting = self._taken_from_queue(served=False)
                if not waiting.rows.done():
                    waiting.rows.set_exception(type(problem)(problem.detail))
        finally:
            self._leave()

    def _next(self) -> list[Waiting]:
        """Take those who wait for the same statement as the first; who has given up is left out."""
        batch: list[Waiting] = []
        others: list[Waiting] = []
        while self._queue and len(batch) < self._most:
            next_one = self._queue[0]
            if batch and not _go_together(batch[0], next_one):
                others.append(self._queue.popleft())
                continue
            waiting = self._taken_from_queue(served=True)
            if not waiting.rows.done():
                batch.append(waiting)
            if waiting.company is ALONE and batch:
                break
        self._queue.extendleft(reversed(others))
        return batch

    def _taken_from_queue(self, *, served: bool) -> Waiting:
        waiting = self._queue.popleft()
        self._pool.leave(waiting.waiter, served=served and not waiting.rows.done())
        return waiting

    async def _send(self, connection: Any, batch: list[Waiting]) -> None:
        self.sent, self.read = self.sent + 1, self.read + len(batch)
        found: list[list[Row] | None] = [None] * len(batch)
        try:
            # What fails is met by each of them, or not, when it goes alone.
            with suppress(Exception):
                records = await connection.fetchmany(
                    batch[0].statement.batched, [waiting.arguments for waiting in batch]
                )
                if len(records) == len(batch):
                    found = [unpacked(batch[0].statement, record) for record in records]
        finally:
            for waiting, rows in zip(batch, found, strict=True):
                if not waiting.rows.done():
                    waiting.rows.set_result(rows)


class Pages(Batcher):
    """Sends calls that give many rows, over all connections but one.

    They have lanes of their own: they may take long, and nobody who wants one row waits for that.
    """

    most = PAGES_MAX

    def _room(self, size: int) -> int:
        return size - 1


def _go_together(one: Waiting, other: Waiting) -> bool:
    same = one.statement is other.statement and one.company == other.company
    return same and other.company is not ALONE


def _has_ended(connection: Any) -> bool:
    """Say whether nothing can be sent over a connection any more."""
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        # The pool has it back already.
        return True


def unpacked(statement: Statement, record: Any) -> list[Row] | None:
    """Give the rows of one of many calls (`Statement.batched`); None: they are too many."""
    *values, number = record
    if not number:
        return []
    if statement.cardinality != "many":
        return [tuple(values)]
    return None if values[0] is None else list(zip(*values, strict=True))
