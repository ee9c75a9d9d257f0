"""The pool of connections of one role: sizes, a bounded gate in front, deadlines, counters.

Nothing here knows a statement. State of a session is never set (context travels with each
statement, transaction-local), which is why connections go back without a reset query.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sized
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from typing import Any, Final, Literal

import asyncpg

from service.database.connection import Connection
from service.database.gate import Gate
from service.database.in_turn import InTurn
from service.database.session_settings import session_settings
from service.database.statistics import PoolStatistics
from service.database.vectors import as_bytes
from service.errors import Unavailable
from service.settings import Settings
from service.sqlstate import classify

IDLE_LIFETIME_S: Final = 300.0
STATEMENT_CACHE: Final = 400
"""More than there are statements, in batches and alone: each is prepared once for a connection."""

CLOSE_S_MAX: Final = 5.0
ONE: Final = (None,)
"""Who waits alone."""

BUSY: Final = "The service is busy. Nothing was done: try again."

Isolation = Literal["read_committed", "repeatable_read", "serializable"]


class Pool:
    """Connections of one role to one server, `pool_min` to `pool_max` of the settings.

    `read_only`: the server refuses every change in these sessions, whatever a statement says.
    `entrance`: for who lets requests in, a gate for all that have been and are not answered: of
    many that come at one moment none has got to the pool yet.

    Units: deadlines are seconds. Raises: Unavailable when no connection comes free in time.
    """

    def __init__(
        self, url: str, settings: Settings, *, name: str = "app", read_only: bool = False
    ) -> None:
        self._url = url
        self._settings = settings
        self._name = name
        self._read_only = read_only
        self.acquire_s = settings.acquire_timeout_ms / 1000
        self.waiting_max = settings.waiting_max
        self._pool: asyncpg.Pool[Any] | None = None
        self._turns = InTurn(settings.pool_max, self.acquire_s)
        self._gate = Gate(self.waiting_max, self.acquire_s / 2)
        self.entrance = Gate(
            settings.waiting_max + settings.pool_max,
            self.acquire_s / 4,
            stalls=False,
            at_once=settings.pool_max,
        )
        self._refused = self._timeouts = 0

    async def open(self) -> None:
        """Connect as many as the settings ask for at least."""
        settings = self._settings
        self._pool = await asyncpg.create_pool(
            self._url,
            min_size=settings.pool_min,
            max_size=settings.pool_max,
            connection_class=Connection,
            timeout=settings.connect_timeout_ms / 1000,
            command_timeout=settings.command_timeout_ms / 1000,
            max_inactive_connection_lifetime=IDLE_LIFETIME_S,
            statement_cache_size=STATEMENT_CACHE,
            max_cached_statement_lifetime=0,
            server_settings=session_settings(settings, self._name, read_only=self._read_only),
            init=as_bytes,
        )

    async def close(self) -> None:
        """Wait for what is under way, then end the connections that did not come back."""
        if self._pool is None:
            return
        try:
            await asyncio.wait_for(self._pool.close(), CLOSE_S_MAX)
        except TimeoutError:
            self._pool.terminate()

    def connection(self) -> AbstractAsyncContextManager[asyncpg.Connection[Any]]:
        """Lend a connection; it goes back whatever happens.

        Raises: Unavailable.
        """
        return self._lend(self._queued(), ONE)

    def connection_for_queued(
        self, queued: Sized
    ) -> AbstractAsyncContextManager[asyncpg.Connection[Any]]:
        """Lend a connection for those who are in the queue already, by `enter`.

        Raises: Unavailable.
        """
        return self._lend(nullcontext(), queued)

    @asynccontextmanager
    async def _lend(
        self, queue: AbstractContextManager[None], queued: Sized
    ) -> AsyncIterator[asyncpg.Connection[Any]]:
        if self._pool is None:
            raise Unavailable("The service is starting. Nothing was done: try again.")
        connection = await self._acquired(self._pool, queue, queued)
        try:
            yield connection
        finally:
            await self._turns.release(self._pool, connection)

    def enter(self) -> object:
        """Be in the queue for a connection; gives what `leave` needs.

        Raises: Unavailable.
        """
        if self.full:
            raise self.refusal()
        return self._gate.enter()

    def leave(self, waiter: object, *, served: bool) -> None:
        """Be in the queue no longer, with a connection or without."""
        self._gate.leave(waiter, served=served)

    @contextmanager
    def _queued(self) -> Iterator[None]:
        waiter, served = self.enter(), False
        try:
            yield
            served = True
        finally:
            self.leave(waiter, served=served)

    async def _acquired(
        self, pool: asyncpg.Pool[Any], queue: AbstractContextManager[None], queued: Sized
    ) -> Any:
        try:
            with queue:
                return await self._turns.acquire(pool)
        except Unavailable:
            raise
        except TimeoutError:
            raise self.late(len(queued)) from None
        except Exception as exc:
            # Connecting failed: whatever was to be sent has not been sent.
            raise classify(exc) from exc

    @property
    def full(self) -> bool:
        """Say whether whoever comes now would wait in vain for a connection."""
        return self._gate.full

    def refusal(self) -> Unavailable:
        """Count one that is refused, and give what it is told."""
        self._refused += 1
        return Unavailable(BUSY)

    def late(self, count: int = 1) -> Unavailable:
        """Count those for whom nothing came free in time, and give what they are told."""
        self._timeouts += count
        return Unavailable(BUSY)

    @asynccontextmanager
    async def transaction(
        self,
        *,
        isolation: Isolation = "read_committed",
        timeout_ms: int | None = None,
        statement_timeout_ms: int | None = None,
        idle_timeout_ms: int | None = None,
        held: asyncpg.Connection[Any] | None = None,
    ) -> AsyncIterator[asyncpg.Connection[Any]]:
        """Lend a connection inside a transaction, which commits at the end.

        `timeout_ms` and `statement_timeout_ms` are for work that is long on purpose,
        `idle_timeout_ms` for what waits for its reader, `held` is a connection had already.

        Raises: Unavailable, and what the server raises.
        """
        async with AsyncExitStack() as stack:
            connection = held
            if connection is None:
                connection = await stack.enter_async_context(self.connection())
            await stack.enter_async_context(connection.transaction(isolation=isolation))
            for name, value in (
                # A clock that runs is not set anew: it has to be stopped first.
                ("transaction_timeout", None if timeout_ms is None else 0),
                ("transaction_timeout", timeout_ms),
                ("statement_timeout", statement_timeout_ms),
                ("idle_in_transaction_session_timeout", idle_timeout_ms),
            ):
                if value is not None:
                    await connection.execute("SELECT set_config($1, $2, TRUE)", name, str(value))
            yield connection

    @asynccontextmanager
    async def rehearsal(self) -> AsyncIterator[asyncpg.Connection[Any]]:
        """Lend a connection inside a transaction that is undone, after all that COMMIT would check.

        Raises: Unavailable, and what the server raises.
        """
        async with self.connection() as connection:
            transaction = connection.transaction(isolation="read_committed")
            await transaction.start()
            try:
                yield connection
                await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            finally:
                await transaction.rollback()

    async def renew(self) -> None:
        """Let none of the connections be lent again: what they lead to is not what it was."""
        if self._pool is not None:
            await self._pool.expire_connections()

    @property
    def size_max(self) -> int:
        """Give the number of connections that are opened at most."""
        return self._settings.pool_max

    @property
    def statistics(self) -> PoolStatistics:
        """Count connections and waiters."""
        size = self._pool.get_size() if self._pool else 0
        idle = self._pool.get_idle_size() if self._pool else 0
        return PoolStatistics(
            size=size,
            idle=idle,
            waiting=self._gate.waiting,
            refused=self._refused,
            timeouts=self._timeouts,
        )
