"""Creations that come together travel together: one round trip and one commit for all that wait.

While a connection is free one goes at once, in a transaction of its own. Who comes when all lanes
are taken waits for one, and goes with the others. All of a batch are one transaction: one that is
refused undoes the others, so each then goes by itself, and only it meets its refusal. What goes so
locks nothing that others change; else two batches could wait for each other.

One that waits for a name which another transaction has is refused soon, and its batch is undone.
Then each tenant's go by themselves, and of those among whom one has to wait again each does:
whoever waits for nobody is done. The others come once more when a commit should be over, and then
wait on outside of the lanes, where that costs other tenants little (service.database.outside).
"""

import asyncio
from collections.abc import Hashable
from contextlib import AsyncExitStack
from typing import Any, Final

import asyncpg

from service.catalog.statement import Statement
from service.database.batcher import (
    ALONE,
    BATCH_MAX,
    Batcher,
    Row,
    Sending,
    Waiting,
    unheard,
    unpacked,
)
from service.database.outside import Outside
from service.database.pool import Pool
from service.errors import OutcomeUnknown
from service.sqlstate import classify

COMMIT_S: Final = 0.05
"""For so long one that has to wait stands back, once: mostly it is another one's commit."""


class GroupCommit(Batcher):
    """Sends calls that each write something new, and give a row.

    After a refusal batches are half as large, after each one without by one larger: where many are
    refused little is done twice.
    """

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self._outside = Outside(pool)

    @property
    def outside(self) -> int:
        """Count those who wait for what another transaction has taken."""
        return self._outside.count

    @property
    def standing_back(self) -> int:
        """Count those who let another's commit end."""
        return self._outside.back

    async def fetch(
        self,
        statement: Statement,
        arguments: Row,
        sending: Sending = unheard,
        whose: Hashable = ALONE,
    ) -> list[Row]:
        """Run a statement in a lane; what has to wait for a lock there waits outside of it.

        `whose`: the tenant's, who has a share of the places outside.

        Raises: Problem, and what the server raises.
        """
        company: Hashable = None if self.is_busy else ALONE
        until = asyncio.get_running_loop().time() + self._pool.acquire_s
        again = False
        while True:
            waiting = await self._tried(statement, arguments, sending, company, whose, until)
            rows = waiting.rows.result()
            if rows is not None:
                return rows
            if waiting.unsent:
                continue
            if not waiting.waited or waiting.company is not ALONE:
                company = whose if waiting.waited and waiting.company is None else ALONE
            elif again:
                break
            else:
                again = True
                await self._outside.stand_back(whose, COMMIT_S)
        async with self._outside.place(whose, until):
            return await self._alone(statement, arguments, sending)

    async def _tried(
        self,
        statement: Statement,
        arguments: Row,
        sending: Sending,
        company: Hashable,
        whose: Hashable,
        until: float,
    ) -> Waiting:
        """Run it in a lane; one of a tenant who has many outside when it is their turn, alone."""
        async with AsyncExitStack() as turn:
            if self._outside.is_crowded(whose):
                await turn.enter_async_context(self._outside.turn(whose, until))
                company = ALONE
            waiting = self._placed(statement, arguments, sending, company, whose)
            await waiting.rows
        return waiting

    def _placed(
        self,
        statement: Statement,
        arguments: Row,
        sending: Sending,
        company: Hashable,
        whose: Hashable,
    ) -> Waiting:
        waiting = self._queued(statement, arguments, sending)
        waiting.company, waiting.whose = company, whose
        if not self.is_busy:
            self._taken += 1
            self._begin_lane()
        return waiting

    def _next(self) -> list[Waiting]:
        """Take those who go next; of a crowded tenant those who go one by one alone.

        The others of it are given back as they came.
        """
        while batch := super()._next():
            for waiting in batch:
                crowded = self._outside.is_crowded(waiting.whose)
                waiting.unsent = crowded and waiting.company is not ALONE
                if waiting.unsent:
                    waiting.rows.set_result(None)
            if served := [waiting for waiting in batch if not waiting.unsent]:
                return served
        return []

    async def _send(self, connection: Any, batch: list[Waiting]) -> None:
        self.sent, self.read = self.sent + 1, self.read + len(batch)
        for waiting in batch:
            waiting.sending()
        failure: Exception | None = None
        try:
            arguments = [waiting.arguments for waiting in batch]
            records = await connection.fetchmany(batch[0].statement.batched, arguments)
            if len(records) == len(batch):
                self._done(batch, records)
        except Exception as exc:  # noqa: BLE001 - whatever it is, they are told
            failure = exc
            if _is_undone(exc):
                self._refused(batch, exc)
        finally:
            _lost(batch, failure)

    def _done(self, batch: list[Waiting], records: list[Any]) -> None:
        if len(batch) > 1:
            self._most = min(BATCH_MAX, self._most + 1)
        for waiting, record in zip(batch, records, strict=True):
            if not waiting.rows.done():
                waiting.rows.set_result(unpacked(waiting.statement, record))

    def _refused(self, batch: list[Waiting], failure: Exception) -> None:
        """Let each go again; one that was alone is told why, unless it has waited for a lock."""
        waited = isinstance(failure, asyncpg.LockNotAvailableError)
        alone = len(batch) == 1
        if not alone and batch[0].company is None:
            self._most = len(batch) // 2
        for waiting in batch:
            if waiting.rows.done():
                continue
            if alone and not waited:
                waiting.rows.set_exception(failure)
                continue
            waiting.waited = waited
            if alone:
                waiting.company = ALONE
            waiting.rows.set_result(None)


def _is_undone(exc: Exception) -> bool:
    """Say whether the server has refused what was sent, and nothing of its transaction is left."""
    refused = isinstance(exc, asyncpg.PostgresError)
    return refused and not isinstance(classify(exc, committing=True), OutcomeUnknown)


def _lost(batch: list[Waiting], failure: Exception | None) -> None:
    """Tell whoever was told nothing that it may be done: nobody does it again here."""
    for waiting in batch:
        if not waiting.rows.done():
            unknown = OutcomeUnknown()
            unknown.__cause__ = failure
            waiting.rows.set_exception(unknown)
