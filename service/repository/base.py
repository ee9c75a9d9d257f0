"""Runs statements: a struct names its file, its fields are the parameters, its base the shape.

`EntityById` runs `sql/**/entity_by_id.sql`; its fields are `$1`, `$2`, …; `check` compares them.
"""

from __future__ import annotations

import asyncio
import copy
from collections import Counter
from functools import partial
from typing import Any, ClassVar, Final, Generic, Literal, Self, TypeVar

import asyncpg
from msgspec import Struct, structs

from service.catalog.load import Catalog
from service.catalog.statement import Statement
from service.database.batcher import Batcher, Pages, Sending
from service.database.group_commit import GroupCommit
from service.database.pool import Pool
from service.database.searches import Searches
from service.errors import Problem
from service.repository.binding import Bindings, StatementMismatch
from service.repository.retries import TRIES_MAX, pause_s
from service.repository.sender import Lend, Send, sender
from service.sqlstate import classify, demoted, retry_kind

R = TypeVar("R", bound=Struct)
T = TypeVar("T")
Soon = asyncio.Future[list[tuple[Any, ...]] | None]

ANSWER_BYTES: Final = 4 * 1024 * 1024
"""Of documents in one answer, give or take the last one."""


Effect = Literal["read", "search", "short", "note", "write", "creation"]
"""What a statement does; a note is made in passing, and one that is lost is no loss. A search takes
long, and its tenant's turn. A short read gives one row or none, or a page by an index; a creation
locks nothing that others change: either goes with others when many come at once."""


class Context(Struct, frozen=True, kw_only=True):
    """Who a statement runs for; what row security and the log go by."""

    tenant_id: str
    governance_agent_id: str
    key_id: str
    request_id: str = ""
    certifier_key_id: str = ""

    @property
    def arguments(self) -> tuple[str, ...]:
        """Give the five parameters that stand behind a function's own."""
        return structs.astuple(self)


class Query(Struct, Generic[R], frozen=True):
    """A statement with its arguments; `bytes_max` is the room for its documents, 0 any amount.

    From the first row on that there is no room for the documents are null.
    """

    cardinality: ClassVar[str]
    effect: ClassVar[Effect] = "read"
    bytes_max: ClassVar[int] = 0


class One(Query[R], Generic[R], frozen=True):
    """A statement that returns one row."""

    cardinality = "one"


class Maybe(Query[R], Generic[R], frozen=True):
    """A statement that returns one row or none."""

    cardinality = "maybe"


class Many(Query[R], Generic[R], frozen=True):
    """A statement that returns rows."""

    cardinality = "many"


class Repository:
    """Sends queries over a pool, or over a connection that the caller holds.

    What changes something goes over `pool`, what only reads over `reads`, which may be the same.
    """

    def __init__(self, catalog: Catalog, pool: Pool, reads: Pool | None = None) -> None:
        self.catalog = catalog
        self.pool = pool
        self.read_over(reads or pool)
        self._bindings = Bindings(catalog)
        self.creations = GroupCommit(self.pool)
        self.retries = Counter[str]()
        self.imports, self.exports, self.comparisons = (Counter[str]() for _ in range(3))

    def reading(self, reads: Pool) -> Self:
        """Give the same repository with its reads over another pool; what is counted is shared."""
        other = copy.copy(self)
        other.read_over(reads)
        return other

    def read_over(self, reads: Pool) -> None:
        """Let whatever only reads go over a pool."""
        self.reads, self.searches = reads, Searches(reads)
        self.batcher, self.pages = Batcher(reads), Pages(reads)

    async def one(self, query: One[R], context: Context | None = None, **how: Any) -> R:
        """Run a statement that always returns a row."""
        rows = await self._rows(query, context, **how)
        return rows[0]

    async def maybe(self, query: Maybe[R], context: Context | None = None, **how: Any) -> R | None:
        """Run a statement that returns a row or none."""
        rows = await self._rows(query, context, **how)
        return rows[0] if rows else None

    def soon(self, query: Maybe[Any], context: Context) -> Soon | None:
        """Let a short read wait for others (Batcher.queue); None when it would go at once."""
        if not self.batcher.is_busy:
            return None
        statement, _ = self._bindings.of(type(query), query.bytes_max)
        return self.batcher.queue(statement, structs.astuple(query) + context.arguments)

    async def many(self, query: Many[R], context: Context | None = None, **how: Any) -> list[R]:
        """Run a statement that returns rows."""
        return await self._rows(query, context, **how)

    async def written(self, query: One[R], context: Context, sending: Sending) -> R:
        """Run a write; `sending` is called when it goes out: from then on it may be done."""
        return await self._whole(self.pool.connection, query, context, sending)

    async def rehearsed(self, query: One[R], context: Context) -> R:
        """Run a write for its answer alone: what COMMIT would check is checked, all is undone."""
        return await self._whole(self.pool.rehearsal, query, context)

    async def _whole(
        self, lend: Lend, query: One[R], context: Context, sending: Sending | None = None
    ) -> R:
        statement, row = self._bindings.of(type(query), query.bytes_max)
        arguments = structs.astuple(query) + context.arguments
        send = sender(lend, statement, arguments, sending)
        if sending is not None and query.effect == "creation":
            send = partial(self.creations.fetch, statement, arguments, sending, context.tenant_id)
        found = await self._repeated(send, writes=sending is not None)
        made: R = row(*found[0])
        return made

    async def page(
        self,
        stem: str,
        row: type[R],
        arguments: tuple[object, ...],
        context: Context,
        *,
        bytes_max: int = 0,
        **how: Any,
    ) -> list[R]:
        """Run one of the statements of a family, which differ in what they ask for only."""
        statement = self._bindings.statement(stem, bytes_max)
        return await self._sent(statement, row, arguments, context, **how)

    async def _rows(
        self,
        query: Query[R],
        context: Context | None,
        *,
        writes: bool = False,
        connection: asyncpg.Connection[Any] | None = None,
        timeout_s: float | None = None,
    ) -> list[R]:
        statement, row = self._bindings.of(type(query), query.bytes_max)
        return await self._sent(
            statement,
            row,
            structs.astuple(query),
            context,
            effect="write" if writes else query.effect,
            connection=connection,
            timeout_s=timeout_s,
        )

    async def _sent(
        self,
        statement: Statement,
        row: type[R],
        arguments: tuple[object, ...],
        context: Context | None,
        *,
        effect: Effect = "read",
        connection: asyncpg.Connection[Any] | None = None,
        timeout_s: float | None = None,
    ) -> list[R]:
        if statement.call == "function":
            if context is None:
                raise StatementMismatch(f"{statement.name} needs a context.", "Pass one.")
            arguments += context.arguments
        if connection is not None:
            found = await connection.fetch(statement.query, *arguments, timeout=timeout_s)
        elif effect == "short":
            batcher = self.pages if statement.cardinality == "many" else self.batcher
            found = await self._repeated(partial(batcher.fetch, statement, arguments))
        else:
            send = sender(self._lend(effect, context), statement, arguments)
            found = await self._repeated(send, writes=effect == "write")
        return [row(*record) for record in found]

    def _lend(self, effect: Effect, context: Context | None) -> Lend:
        if effect == "search" and context is not None:
            return partial(self.searches.connection, context.tenant_id)
        return (self.pool if effect in {"write", "note"} else self.reads).connection

    async def _repeated(self, send: Send[T], *, writes: bool = False) -> T:
        """Send what is a transaction of its own; repeat what failed without effect.

        Raises: Problem.
        """
        for attempt in range(1, TRIES_MAX + 1):
            try:
                return await send()
            except Problem:
                raise
            except Exception as exc:
                problem = await self.given_up(exc, attempt, committing=writes)
                if problem is not None:
                    raise problem from exc
        raise AssertionError  # the last attempt returns or raises

    async def given_up(self, exc: Exception, attempt: int, *, committing: bool) -> Problem | None:
        """Give the problem that ends it; None, after a pause: it is to be tried again whole."""
        kind = retry_kind(exc)
        if attempt == TRIES_MAX or kind is None:
            if demoted(exc):
                await self.pool.renew()
            return classify(exc, committing=committing)
        self.retries[kind] += 1
        await asyncio.sleep(pause_s(attempt))
        return None
