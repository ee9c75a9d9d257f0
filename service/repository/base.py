"""Runs statements: a struct names its file, its fields are the parameters, its base the shape.

`EntityById` runs `sql/**/entity_by_id.sql`; its fields are `$1`, `$2`, …; `check` compares them.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar, Final, Generic, TypeVar, get_args

import asyncpg
from msgspec import Struct, structs

from service.catalog.load import Catalog
from service.catalog.statement import Statement
from service.database.pool import Pool
from service.errors import Problem
from service.refusal import Refusal
from service.sqlstate import classify, retryable

R = TypeVar("R", bound=Struct)

TRIES_MAX: Final = 4
ANSWER_BYTES: Final = 4 * 1024 * 1024
"""Of documents in one answer, give or take the last one."""

RETRY_S: Final = 0.02
"""Mean pause before the first repetition; it doubles and is drawn at random."""


class StatementMismatch(Refusal):
    """A struct and its statement file do not fit."""


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
    """Sends queries over a pool, or over a connection that the caller holds."""

    def __init__(self, catalog: Catalog, pool: Pool) -> None:
        self.catalog = catalog
        self.pool = pool
        self._bound: dict[type[Query[Any]], tuple[Statement, type[Any]]] = {}
        self.retries = 0
        self.imports, self.exports = Counter[str](), Counter[str]()

    async def one(self, query: One[R], context: Context | None = None, **how: Any) -> R:
        """Run a statement that always returns a row."""
        rows = await self._rows(query, context, **how)
        return rows[0]

    async def maybe(self, query: Maybe[R], context: Context | None = None, **how: Any) -> R | None:
        """Run a statement that returns a row or none."""
        rows = await self._rows(query, context, **how)
        return rows[0] if rows else None

    async def many(self, query: Many[R], context: Context | None = None, **how: Any) -> list[R]:
        """Run a statement that returns rows."""
        return await self._rows(query, context, **how)

    async def rehearsed(self, query: One[R], context: Context) -> R:
        """Run a write for its answer alone: what COMMIT would check is checked, all is undone."""
        statement, row = self._binding(type(query))
        arguments = structs.astuple(query) + context.arguments
        found = await self._tried(statement, arguments, lend=self.pool.rehearsal)
        would: R = row(*found[0].values())
        return would

    async def page(
        self,
        stem: str,
        row: type[R],
        arguments: tuple[object, ...],
        context: Context,
        connection: asyncpg.Connection[Any] | None = None,
        bytes_max: int = 0,
    ) -> list[R]:
        """Run one of the statements of a family, which differ in what they ask for only."""
        statement = self.catalog[stem].capped(bytes_max)
        return await self._sent(
            statement, row, arguments, context, writes=False, connection=connection
        )

    async def _rows(
        self,
        query: Query[R],
        context: Context | None,
        *,
        writes: bool = False,
        connection: asyncpg.Connection[Any] | None = None,
        timeout_s: float | None = None,
    ) -> list[R]:
        statement, row = self._binding(type(query))
        return await self._sent(
            statement,
            row,
            structs.astuple(query),
            context,
            writes=writes,
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
        writes: bool,
        connection: asyncpg.Connection[Any] | None = None,
        timeout_s: float | None = None,
    ) -> list[R]:
        if statement.call == "function":
            if context is None:
                raise StatementMismatch(f"{statement.name} needs a context.", "Pass one.")
            arguments += context.arguments
        if connection is not None:
            found = await connection.fetch(statement.query, *arguments, timeout=timeout_s)
        else:
            found = await self._tried(statement, arguments, writes=writes)
        return [row(*record.values()) for record in found]

    async def _tried(
        self,
        statement: Statement,
        arguments: tuple[object, ...],
        *,
        writes: bool = False,
        lend: Callable[[], AbstractAsyncContextManager[asyncpg.Connection[Any]]] | None = None,
    ) -> list[Any]:
        """Send a statement that is a transaction of its own; repeat what failed without effect.

        Raises: Problem.
        """
        lend = lend or self.pool.connection
        for attempt in range(1, TRIES_MAX + 1):
            try:
                async with lend() as connection:
                    return await connection.fetch(statement.query, *arguments)
            except Problem:
                raise
            except Exception as exc:
                if attempt == TRIES_MAX or not retryable(exc):
                    raise classify(exc, committing=writes) from exc
                self.retries += 1
                await asyncio.sleep(pause_s(attempt))
        raise AssertionError  # the last attempt returns or raises

    def _binding(self, query: type[Query[Any]]) -> tuple[Statement, type[Any]]:
        bound = self._bound.get(query)
        if bound is None:
            statement = self.catalog[stem(query)].capped(query.bytes_max)
            bound = self._bound[query] = (statement, row_type(query))
        return bound


def pause_s(attempt: int) -> float:
    """Draw the pause before a repetition: longer each time, never the same for two writers."""
    return random.uniform(0, 2 * RETRY_S * 2 ** (attempt - 1))  # noqa: S311 - jitter


def stem(query: type[Query[Any]]) -> str:
    """Name the statement file of a query struct."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", query.__name__).lower()


def row_type(query: type[Query[Any]]) -> type[Struct]:
    """Find the struct of a query's rows."""
    for base in getattr(query, "__orig_bases__", ()):
        for argument in get_args(base):
            return argument  # type: ignore[no-any-return]
    raise StatementMismatch(f"{query.__name__} names no row.", "Write Maybe[Row] and the like.")


def check(catalog: Catalog, queries: Iterator[type[Query[Any]]]) -> None:
    """Compare structs with their files, position by position.

    Raises: StatementMismatch.
    """
    for query in queries:
        name = stem(query)
        statement = catalog.get(name)
        if statement is None:
            raise StatementMismatch(f"{query.__name__} has no file {name}.sql.", "Add it.")
        for what, mine, theirs in (
            ("parameters", query.__struct_fields__, statement.params),
            ("columns", row_type(query).__struct_fields__, statement.returns),
        ):
            if list(mine) != [column.name for column in theirs]:
                raise StatementMismatch(
                    f"{query.__name__} and {name}.sql differ in their {what}.",
                    f"{list(mine)} should equal {[column.name for column in theirs]}.",
                )
        if query.cardinality != statement.cardinality:
            raise StatementMismatch(
                f"{query.__name__} is :{query.cardinality}, {name}.sql :{statement.cardinality}.",
                "Make them equal.",
            )
