"""Reads a database in one snapshot, page by page, the next while the last one is looked at."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, Generic, TypeVar

from msgspec import Struct

from service.repository.base import Many, One, Repository
from service.verify.question import Show
from service.verify.verdict import Verdict

R = TypeVar("R", bound=Struct)

PAGE: Final = 1_024
STATEMENT_S: Final = 86_400.0
"""How long the server may take for one answer: some look at the whole log."""


class Ahead(Generic[R]):
    """Rows in the order of a number, taken stretch by stretch."""

    def __init__(self, pages: AsyncIterator[list[R]], number: Callable[[R], int]) -> None:
        self._pages = pages
        self._number = number
        self._rows = deque[R]()
        self._ended = False

    async def below(self, end: int) -> list[R]:
        """Take the rows that come next with a number below this one."""
        while not self._ended and (not self._rows or self._number(self._rows[-1]) < end):
            page = await anext(self._pages, None)
            self._ended = page is None
            self._rows.extend(page or ())
        taken = []
        while self._rows and self._number(self._rows[0]) < end:
            taken.append(self._rows.popleft())
        return taken


class Reader:
    """Statements over one transaction; `show` shows progress."""

    def __init__(
        self, repository: Repository, connection: Any, verdict: Verdict, show: Show
    ) -> None:
        self._repository = repository
        self._connection = connection
        self._show = show
        # Pages are asked for ahead, and a connection answers one question at a time.
        self._turn = asyncio.Lock()
        self.verdict = verdict

    async def one(self, query: One[R]) -> R:
        """Run a statement that returns a row."""
        async with self._turn:
            return await self._repository.one(
                query, connection=self._connection, timeout_s=STATEMENT_S
            )

    async def many(self, query: Many[R]) -> list[R]:
        """Run a statement that returns rows."""
        async with self._turn:
            return await self._repository.many(
                query, connection=self._connection, timeout_s=STATEMENT_S
            )

    async def pages(
        self, first: Many[R], following: Callable[[R], Many[R]]
    ) -> AsyncIterator[list[R]]:
        """Read page after page; the next is under way while one is looked at."""
        rows = await self.many(first)
        while rows:
            coming = asyncio.ensure_future(self.many(following(rows[-1])))
            try:
                # It is sent before the work begins that leaves the loop no time.
                await asyncio.sleep(0)
                yield rows
            except BaseException:
                coming.cancel()
                raise
            rows = await coming

    @contextmanager
    def stage(
        self, name: str, what: str, total: int | None = None
    ) -> Iterator[Callable[[int], None]]:
        """Time a part of the work and count what it has looked at, under a name."""
        begun = time.monotonic()
        self.verdict.counts.setdefault(name, 0)
        with self._show(what, total) as progress:

            def count(steps: int) -> None:
                self.verdict.counts[name] += steps
                progress.advance(steps)

            yield count
        took = self.verdict.seconds.get(name, 0.0) + time.monotonic() - begun
        self.verdict.seconds[name] = took


@asynccontextmanager
async def reading(repository: Repository, verdict: Verdict, show: Show) -> AsyncIterator[Reader]:
    """Have a database at hand as it is at this moment.

    Raises: Unavailable, and what the server raises.
    """
    async with repository.reads.transaction(
        isolation="repeatable_read", timeout_ms=0, statement_timeout_ms=0, idle_timeout_ms=0
    ) as connection:
        yield Reader(repository, connection, verdict, show)
