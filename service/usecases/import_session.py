"""The connection that an import keeps from its first batch to its end.

The staging table is not logged and is empty after a crash of the server or on another one: a chunk
that is gone must be an error, not a chunk without lines. And by the lock of its session others
know that an import lives.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from service.errors import Problem
from service.repository.base import Context, One, Query, Repository
from service.repository.imports import ImportBegin, ImportEnd
from service.repository.retries import TRIES_MAX
from service.usecases.places import place

T = TypeVar("T")

CHUNK_TIMEOUT_MS: Final = 300_000
"""A chunk is one statement, and long on purpose: the deadlines of a request are not for it."""

CHUNK_MARGIN_MS: Final = 2_500
"""By how much its transaction may take longer than the statement."""

MARGIN_S: Final = 5.0
"""By how much the server is given up later than it ends a statement: whoever gives up first does
not know what became of it."""

END_TIMEOUT_S: Final = 5.0
"""How long an import that is cancelled waits for the statement that is under way, and then for
the server to have broken it off."""

IMPORTS_MAX: Final = 4
"""Imports of one process at a time: each keeps a connection, and others want some too."""

SPARED: Final = 2
"""Connections of the pool that imports leave to others; of two or three one at least."""

IMPORTS_EACH: Final = IMPORTS_MAX // 2
"""Of them, one tenant's: whoever is slowest must not keep the others out."""


def at_once(size_max: int) -> int:
    """Say how many imports may run in a process whose pool has so many connections at most."""
    return min(IMPORTS_MAX, max(1, size_max - SPARED))


class Session:
    """Runs the statements of one import, each in a transaction of its own."""

    def __init__(self, repository: Repository, context: Context, import_id: UUID) -> None:
        self._repository = repository
        self._context = context
        self._import_id = import_id
        self._connection: Any = None

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[datetime]:
        """Keep a connection, and the lock by which others know that this import lives.

        Gives the database's time, before which this import has written nothing.

        Raises: Unavailable.
        """
        taken, tenant = self._repository.imports, self._context.tenant_id
        most = at_once(self._repository.pool.size_max)
        with place(taken, tenant, "imports", most=most, each=IMPORTS_EACH):
            async with self._repository.pool.connection() as self._connection:
                try:
                    (begun,) = await self.run(ImportBegin(self._import_id))
                    yield begun.begun_at
                finally:
                    await self._whole(self._end())

    async def run(self, query: Query[Any], *, committing: bool = False) -> list[Any]:
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
            ending = asyncio.ensure_future(self._ended(task))
            while not ending.done():
                with suppress(asyncio.CancelledError):  # again: it will not be long
                    await asyncio.shield(ending)
            raise

    async def _ended(self, task: asyncio.Future[Any]) -> None:
        """Wait for a statement, then have the server break it off, then leave the server alone."""
        await asyncio.wait({task}, timeout=END_TIMEOUT_S)
        task.cancel()  # the driver asks the server to cancel, over a connection of its own
        await asyncio.wait({task}, timeout=END_TIMEOUT_S)
        if not task.done():
            self._terminate()
        await asyncio.gather(task, return_exceptions=True)

    async def _tried(self, query: Query[Any], *, committing: bool) -> list[Any]:
        """Run one statement in a transaction; repeat what had no effect.

        Raises: Problem.
        """
        for attempt in range(1, TRIES_MAX + 1):
            try:
                async with self._repository.pool.transaction(
                    timeout_ms=CHUNK_TIMEOUT_MS + CHUNK_MARGIN_MS,
                    statement_timeout_ms=CHUNK_TIMEOUT_MS,
                    held=self._connection,
                ):
                    return await self._sent(query, CHUNK_TIMEOUT_MS / 1000 + MARGIN_S)
            except Problem:
                raise
            except Exception as exc:
                runner = self._repository
                problem = await runner.given_up(exc, attempt, committing=committing)
                if problem is not None:
                    raise problem from exc
        raise AssertionError  # the last attempt returns or raises

    async def _sent(self, query: Query[Any], timeout_s: float) -> list[Any]:
        how = {"connection": self._connection, "timeout_s": timeout_s}
        if isinstance(query, One):
            return [await self._repository.one(query, self._context, **how)]
        return await self._repository.many(query, self._context, **how)  # type: ignore[arg-type]

    async def _end(self) -> None:
        try:
            await self._sent(ImportEnd(self._import_id), END_TIMEOUT_S)
        except Exception:  # noqa: BLE001 - whatever it was, the connection must not go back as it is
            # The lock goes with the connection, and the next import removes the lines. Closed, not
            # cut: a statement that took too long must have ended at the server too.
            with suppress(Exception):
                await self._connection.close(timeout=END_TIMEOUT_S)

    def _terminate(self) -> None:
        with suppress(Exception):  # it may be gone already
            self._connection.terminate()
