"""Two transactions of real sessions side by side, and a schema with one guard taken out.

Nothing sleeps: a session is known to wait for the other when the server says so.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import asyncpg
from msgspec import Struct, structs

from service.catalog.load import Catalog
from service.database.pool import Isolation, Pool
from service.errors import Problem
from service.repository.base import Repository
from service.settings import Settings
from tests.factories import Tenant, make_tenant
from tests.postgres import Server
from tests.sessions import BLOCKED, Connection, pid

# Who waits, waits until the test goes on, however slow the machine is.
PATIENT = {
    "lock_timeout_ms": 40_000,
    "statement_timeout_ms": 45_000,
    "command_timeout_ms": 50_000,
    "request_timeout_ms": 60_000,
}
DEFINITION = "SELECT pg_get_functiondef($1::regprocedure)"


class Arena(Struct, frozen=True):
    """A database with a tenant, its repositories, and a superuser who watches."""

    url: str
    settings: Settings
    repository: Repository
    owner: Repository
    tenant: Tenant
    superuser: Connection

    @property
    def pool(self) -> Pool:
        """Give the pool of the service's role."""
        return self.repository.pool


class Lowered(Pool):
    """A pool whose transactions run at READ COMMITTED, whatever they ask for."""

    @asynccontextmanager
    async def transaction(
        self, *, isolation: Isolation = "read_committed", **how: Any
    ) -> AsyncIterator[Connection]:
        """Lend a connection inside a transaction of the lowest level."""
        async with super().transaction(isolation="read_committed", **how) as connection:
            yield connection


class Torn(Pool):
    """A pool whose transactions are none: every statement commits by itself."""

    @asynccontextmanager
    async def transaction(self, **_: Any) -> AsyncIterator[Connection]:
        """Lend a connection, and undo nothing."""
        async with self.connection() as connection:
            yield connection


@asynccontextmanager
async def opened(pool: Pool) -> AsyncIterator[Pool]:
    """Open a pool, and close it whatever happens."""
    await pool.open()
    try:
        yield pool
    finally:
        await pool.close()


@asynccontextmanager
async def arena_on(
    cluster: Server,
    database: str,
    catalog: Catalog,
    settings: Settings,
    kind: type[Pool] = Pool,
) -> AsyncIterator[Arena]:
    """Have an arena on a database, with a fresh tenant and pools of this kind."""
    patient = structs.replace(settings, **PATIENT)
    async with AsyncExitStack() as stack:
        superuser = await asyncpg.connect(cluster.url("superuser", database))
        stack.push_async_callback(superuser.close, timeout=5)
        repositories = []
        for role in ("app", "owner"):
            pool = kind(cluster.url(role, database), patient, name=role)
            repositories.append(Repository(catalog, await stack.enter_async_context(opened(pool))))
        app, owner = repositories
        tenant = await make_tenant(owner)
        yield Arena(cluster.url("app", database), patient, app, owner, tenant, superuser)


async def without(superuser: Connection, function: str, text: str, instead: str = "") -> None:
    """Take a piece of text out of a function, wherever it stands."""
    definition = await superuser.fetchval(DEFINITION, function)
    assert text in definition, f"{function} has no {text}"
    await superuser.execute(definition.replace(text, instead))


async def state_of(work: Awaitable[Any]) -> str | None:
    """Give the SQLSTATE that a statement ends with, None when it does not fail."""
    try:
        await work
    except asyncpg.PostgresError as error:
        return error.sqlstate
    except Problem as problem:
        return str(getattr(problem.__cause__, "sqlstate", problem.slug))
    return None


class Beside(Struct, frozen=True):
    """A transaction that runs in a task of its own, and its back end."""

    backend: int
    task: asyncio.Future[Any]

    async def waits_for(self, arena: Arena, holding: Connection) -> bool:
        """Say whether it comes to wait for a lock of another session; False when it ends first."""
        while not await arena.superuser.fetchval(BLOCKED, self.backend, pid(holding)):
            if self.task.done():
                return False
        return True


async def beside(arena: Arena, work: Callable[[Connection], Awaitable[Any]], **how: Any) -> Beside:
    """Begin a transaction of the pool in a task, and work in it to its end."""
    begun: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def run() -> Any:
        async with arena.pool.transaction(**how) as connection:
            begun.set_result(pid(connection))
            return await work(connection)

    task = asyncio.ensure_future(run())
    return Beside(await begun, task)


WAITED, AT_ONCE = True, False
Told = tuple[bool, str | None, Any]
"""Whether the second waited for the first, the SQLSTATE that it ended with, and what is there."""
