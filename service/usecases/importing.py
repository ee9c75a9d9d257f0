"""Bulk import: lines are checked and staged, then applied chunk by chunk.

Memory holds one batch of lines or the outcomes of one chunk, whatever the size of the import. An
outcome is reported after the transaction that made it true has committed.

An import keeps one connection from its first batch to its end. The staging table is not logged and
is empty after a crash of the server or on another one: a chunk that is gone must be an error, not
a chunk without lines. And by the lock of its session others know that it lives.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeVar
from uuid import UUID, uuid4

import msgspec
from msgspec import Struct

from service.errors import Problem, Unavailable
from service.repository.base import TRIES_MAX, Context, One, Query, Repository, pause_s
from service.repository.imports import (
    Chunk,
    ImportAnalyse,
    ImportApply,
    ImportArrange,
    ImportBegin,
    ImportEnd,
    ImportStage,
    Outcome,
)
from service.sqlstate import classify, retryable
from service.usecases.lines import LINE_BYTES_MAX, Batch, batches, problem_members

__all__ = ["IMPORTS_MAX", "LINE_BYTES_MAX", "OUTCOMES", "Import", "Reported"]

T = TypeVar("T")

CHUNK_TIMEOUT_MS: Final = 300_000
"""A chunk is long on purpose: the deadlines of a request are not for it."""

END_TIMEOUT_S: Final = 5.0
"""How long an import that is cancelled waits for the statement that is under way."""

IMPORTS_MAX: Final = 4
"""Imports of one process at a time: each keeps a connection, and others want some too."""

OUTCOMES: Final = ("created", "amended", "unchanged", "rejected")


class Reported(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one line, as it is reported; a rejected one says whose line it is."""

    line: int
    outcome: str
    id: UUID | None
    external_id: str | None = None
    problem: dict[str, Any] | None = None


def _silent(_: int, __: int) -> None:
    pass


class Import:
    """One import of one caller."""

    def __init__(self, repository: Repository, context: Context, *, as_active: bool) -> None:
        self._repository = repository
        self._context = context
        self._as_active = as_active
        self._id = uuid4()
        self._connection: Any = None
        self.lines = 0
        self.totals = dict.fromkeys(OUTCOMES, 0)

    async def run(
        self, lines: AsyncIterable[bytes], progress: Callable[[int, int], None] = _silent
    ) -> AsyncGenerator[list[Reported], None]:
        """Stage every line, then apply chunk by chunk and report each after its commit.

        Each item of `lines` counts as one line, blank ones too; `progress` hears how many lines
        are done, of how many.

        Raises: Problem when the import as a whole cannot go on; what was reported stays done.
        """
        read = batches(lines)
        # What fits into one batch is read before anything of the database is taken.
        first = await anext(read, None)
        if first is None:
            return
        async with self._session():
            await self._stage(first)
            async for batch in read:
                await self._stage(batch)
            # In a transaction of its own, which gives its lock back: without fresh statistics the
            # lines are arranged by plans for an empty table.
            await self._together(ImportAnalyse())
            done = 0
            seen: dict[str | None, int] = {}
            for chunk in await self._together(ImportArrange(self._id, self._as_active)):
                seen[chunk.kind] = count = seen.get(chunk.kind, 0) + 1
                if count & (count - 1) == 0:  # the 1st, 2nd, 4th, 8th … of a kind
                    await self._together(ImportAnalyse())
                reported = await self._applied(chunk)
                done += chunk.lines
                progress(done, self.lines)
                yield reported

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[None]:
        """Keep a connection, and the lock by which others know that this import lives.

        Raises: Unavailable.
        """
        if self._repository.imports >= IMPORTS_MAX:
            raise Unavailable(
                f"{IMPORTS_MAX} imports are running, which is as many as may. "
                "Nothing was done: try again."
            )
        self._repository.imports += 1
        try:
            async with self._repository.pool.connection() as self._connection:
                try:
                    await self._together(ImportBegin(self._id))
                    yield
                finally:
                    await self._whole(self._end())
        finally:
            self._repository.imports -= 1

    async def _stage(self, batch: Batch) -> None:
        self.lines += batch.lines
        await self._together(ImportStage(self._id, batch.text))

    async def _applied(self, chunk: Chunk) -> list[Reported]:
        outcomes: list[Outcome] = await self._together(
            ImportApply(self._id, chunk.chunk, self._as_active), committing=True
        )
        if len(outcomes) != chunk.lines:
            raise Unavailable(
                "Staged lines are gone. What was reported is done: import the rest again."
            )
        return [self._reported(outcome) for outcome in outcomes]

    async def _together(self, query: Query[Any], *, committing: bool = False) -> list[Any]:
        """Run one statement in a transaction that may take long.

        Raises: Problem.
        """
        return await self._whole(self._tried(query, committing=committing))

    async def _whole(self, work: Coroutine[Any, Any, T]) -> T:
        """Let work with the connection end, also when this import is cancelled meanwhile.

        asyncpg cannot use a connection again on which it broke off a COMMIT, and a chunk that is
        done is nothing lost.
        """
        task = asyncio.ensure_future(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait({task}, timeout=END_TIMEOUT_S)
            if not task.done():
                self._terminate()
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise

    async def _tried(self, query: Query[Any], *, committing: bool) -> list[Any]:
        """Run one statement in a transaction; repeat what had no effect.

        Raises: Problem.
        """
        for attempt in range(1, TRIES_MAX + 1):
            try:
                async with self._repository.pool.transaction(
                    statement_timeout_ms=CHUNK_TIMEOUT_MS, held=self._connection
                ):
                    return await self._sent(query, CHUNK_TIMEOUT_MS / 1000)
            except Problem:
                raise
            except Exception as exc:
                if attempt == TRIES_MAX or not retryable(exc):
                    raise classify(exc, committing=committing) from exc
                await asyncio.sleep(pause_s(attempt))
        raise AssertionError  # the last attempt returns or raises

    async def _sent(self, query: Query[Any], timeout_s: float) -> list[Any]:
        how = {"connection": self._connection, "timeout_s": timeout_s}
        if isinstance(query, One):
            return [await self._repository.one(query, self._context, **how)]
        return await self._repository.many(query, self._context, **how)  # type: ignore[arg-type]

    async def _end(self) -> None:
        try:
            await self._sent(ImportEnd(self._id), END_TIMEOUT_S)
        except Exception:  # noqa: BLE001 - whatever it was, the connection must not go back as it is
            # The lock goes with the connection, and the next import removes the lines.
            self._terminate()

    def _terminate(self) -> None:
        with suppress(Exception):  # it may be gone already
            self._connection.terminate()

    def _reported(self, outcome: Outcome) -> Reported:
        self.totals[outcome.outcome] += 1
        if outcome.problem is None:
            return Reported(line=outcome.line, outcome=outcome.outcome, id=outcome.id)
        return Reported(
            line=outcome.line,
            outcome=outcome.outcome,
            id=outcome.id,
            external_id=outcome.external_id,
            problem=problem_members(msgspec.json.decode(outcome.problem)),
        )
