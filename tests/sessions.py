"""Sessions on the database as a role, in an actor's context, that may wait for one another."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import asyncpg
from msgspec import Struct

from service.repository.base import One
from service.repository.base import Repository as Runner
from tests.factories import Actor
from tests.postgres import Server

R = TypeVar("R", bound=Struct)
if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[Any]
else:
    Connection = asyncpg.Connection
Connect = Callable[..., Awaitable[Connection]]

BLOCKED = "SELECT pg_isolation_test_session_is_blocked($1, ARRAY[$2::integer])"
CONTEXT = """
SELECT
    set_config('app.tenant_id', $1, $6),
    set_config('app.governance_agent_id', $2, $6),
    set_config('app.key_id', $3, $6),
    set_config('app.request_id', $4, $6),
    set_config('app.certifier_key_id', $5, $6)
"""


@asynccontextmanager
async def connections(cluster: Server, database: str) -> AsyncIterator[Connect]:
    """Give a function that connects as a role; every session is closed at the end."""
    async with AsyncExitStack() as stack:

        async def connect(role: str = "app") -> Connection:
            made = await asyncpg.connect(cluster.url(role, database))
            stack.push_async_callback(made.close, timeout=5)
            return made

        yield connect


async def become(
    connection: Connection, actor: Actor, certifier: Actor | None = None, *, local: bool = True
) -> None:
    """Set who the transaction (or, not local, the session) acts for, as a DBA does in psql."""
    context = actor.context
    second = certifier.context.key_id if certifier else ""
    await connection.execute(
        CONTEXT,
        context.tenant_id,
        context.governance_agent_id,
        context.key_id,
        context.request_id,
        second,
        local,
    )


@asynccontextmanager
async def acting(
    connection: Connection, actor: Actor, certifier: Actor | None = None
) -> AsyncIterator[Connection]:
    """Be in a transaction as an actor."""
    async with connection.transaction():
        await become(connection, actor, certifier)
        yield connection


async def sent(runner: Runner, connection: Connection, query: One[R], actor: Actor) -> R:
    """Send a statement of the catalogue over a session; the driver's own error comes back."""
    return await runner.one(query, actor.context, connection=connection)


def pid(connection: Connection) -> int:
    """Give the back end of a session."""
    return int(connection.get_server_pid())


async def until_blocked(
    watcher: Connection, waiting: Connection, holding: Connection, task: asyncio.Future[Any]
) -> None:
    """Return once one session waits for a lock of the other; fail when its task ends instead."""
    while not await watcher.fetchval(BLOCKED, pid(waiting), pid(holding)):
        assert not task.done(), "it did not wait"


class Savepoint:
    """What is provoked is undone, and the transaction goes on."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def state(self, statement: str, *arguments: object) -> str | None:
        """Give the SQLSTATE that a statement is refused with, None when it is not."""
        error = await self.error(statement, *arguments)
        return getattr(error, "sqlstate", None)

    async def error(self, statement: str, *arguments: object) -> asyncpg.PostgresError | None:
        """Give the error that a statement ends with; what it did is undone in any case."""
        inner = self._connection.transaction()
        await inner.start()
        try:
            await self._connection.fetch(statement, *arguments)
        except asyncpg.PostgresError as error:
            return error
        else:
            return None
        finally:
            await inner.rollback()
