"""Creations that come together travel together: one round trip and one commit for all that wait.

While a connection is free one goes at once, in a transaction of its own. Who comes when all lanes
are taken waits for one, and goes with the others. All of a batch are one transaction: one that is
refused undoes the others, so each then goes alone, and only it meets its refusal. What goes this
way locks nothing that others change; else two batches could wait for each other. One that waits for
a name which a longer transaction has is refused soon, and waits on outside of the lanes, so that
no other waits with it.
"""

from typing import Any

import asyncpg

from service.catalog.statement import Statement
from service.database.batcher import BATCH_MAX, Batcher, Row, Sending, Waiting, unheard, unpacked
from service.errors import OutcomeUnknown
from service.sqlstate import classify


class GroupCommit(Batcher):
    """Sends calls that each write something new, and give a row.

    After a refusal batches are half as large, after each one without by one larger: where many are
    refused little is done twice.
    """

    async def fetch(
        self, statement: Statement, arguments: Row, sending: Sending = unheard
    ) -> list[Row]:
        """Run a statement, in a lane, with others or not; what waits for a lock leaves the lane.

        Raises: Problem, and what the server raises.
        """
        waiting = self._queued(statement, arguments, sending)
        if not self.is_busy:
            waiting.goes_first = True
            self._taken += 1
            self._begin_lane()
        rows = await waiting.rows
        return await self._alone(statement, arguments, sending) if rows is None else rows

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
        self._most = min(BATCH_MAX, self._most + 1)
        for waiting, record in zip(batch, records, strict=True):
            if not waiting.rows.done():
                waiting.rows.set_result(unpacked(waiting.statement, record))

    def _refused(self, batch: list[Waiting], failure: Exception) -> None:
        """Let each go alone; one that was alone is told why, unless it has waited for a lock."""
        waited = isinstance(failure, asyncpg.LockNotAvailableError)
        self._most = max(1, len(batch) // 2)
        for waiting in batch:
            if waiting.rows.done():
                continue
            if len(batch) == 1 and not waited:
                waiting.rows.set_exception(failure)
            else:
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
