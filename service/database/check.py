"""Whether a server is one that Plant can work on, and in words what keeps it from it."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, unquote, urlsplit

import asyncpg
import msgspec

from service.database.address import spoken
from service.refusal import Refusal
from service.settings import Settings

MAJOR_MIN = 18
# halfvec, which the search indexes stand on.
VECTOR_MIN = (0, 7)
POLL_S = 0.2
PATH = "Check PLANT_DATABASE_URL, and that the server runs and may be reached from here."

INSTALLED = """
SELECT
    (SELECT extversion FROM pg_extension WHERE extname = 'vector'),
    (SELECT default_version FROM pg_available_extensions WHERE name = 'vector')
"""


class ServerUnreachable(Refusal):
    """No PostgreSQL answers there."""


class LoginRefused(Refusal):
    """The server does not let this user in."""


class DatabaseMissing(Refusal):
    """The server has no database of that name."""


class ServerTooOld(Refusal):
    """The server's version is below what Plant needs."""


class VectorMissing(Refusal):
    """The extension pgvector is absent, too old, or may not be made."""


class ServerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the server says of itself; `vector` is the version of pgvector it has or would get."""

    version: str
    vector: str


def check(url: str, settings: Settings) -> ServerFacts:
    """Look at the server, and change nothing there.

    It blocks and runs an event loop of its own: from asynchronous code call it in a thread.

    Raises: ServerUnreachable, LoginRefused, DatabaseMissing, ServerTooOld, VectorMissing.
    """
    return asyncio.run(_check(url, settings))


async def _check(url: str, settings: Settings) -> ServerFacts:
    async with connected(url, settings) as connection:
        version = str(connection.get_settings().server_version).split()[0]
        if connection.get_server_version().major < MAJOR_MIN:
            raise ServerTooOld(
                f"PostgreSQL {version} at {spoken(url)} is too old: Plant needs {MAJOR_MIN} or "
                "newer.",
                "Upgrade it, or remove PLANT_DATABASE_URL to use the embedded server.",
            )
        return ServerFacts(version=version, vector=await _vector(connection, url))


@asynccontextmanager
async def connected(url: str, settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    """Have one connection outside of any pool.

    Raises: ServerUnreachable, LoginRefused, DatabaseMissing.
    """
    timeout_s = settings.connect_timeout_ms / 1000
    try:
        async with asyncio.timeout(timeout_s):
            connection = await _connect(url, settings)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise _refusal(url, error, timeout_s) from None
    try:
        yield connection
    finally:
        await connection.close(timeout=timeout_s)


async def _connect(url: str, settings: Settings) -> asyncpg.Connection:
    while True:
        try:
            return await asyncpg.connect(
                url,
                command_timeout=settings.command_timeout_ms / 1000,
                server_settings={"application_name": "plant"},
            )
        except asyncpg.CannotConnectNowError:
            await asyncio.sleep(POLL_S)  # it is starting; the caller's deadline ends this


async def _vector(connection: asyncpg.Connection, url: str) -> str:
    installed, available = await connection.fetchrow(INSTALLED) or (None, None)
    version = installed or available
    if version is None:
        raise VectorMissing(
            f"PostgreSQL at {spoken(url)} lacks the extension pgvector.",
            "Install it there (packages call it postgresql-18-pgvector, an image is "
            "pgvector/pgvector:pg18) and try again.",
        )
    if tuple(int(part) for part in version.split(".")[:2]) < VECTOR_MIN:
        needed = ".".join(map(str, VECTOR_MIN))
        raise VectorMissing(
            f"pgvector {version} at {spoken(url)} is too old: Plant needs {needed} or newer.",
            "Upgrade it there and run as superuser: ALTER EXTENSION vector UPDATE",
        )
    if installed is None:
        await _may_create(connection, url)
    return str(version)


async def _may_create(connection: asyncpg.Connection, url: str) -> None:
    # Tried and undone: who may do this differs between servers and services that host them.
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute("CREATE EXTENSION vector")
    except asyncpg.InsufficientPrivilegeError:
        database = _database(url)
        raise VectorMissing(
            f"The database {database} at {spoken(url)} has no extension vector, and this user may "
            "not create it.",
            f"Run as superuser in {database}: CREATE EXTENSION vector",
        ) from None
    finally:
        await transaction.rollback()


def _database(url: str) -> str:
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    return unquote(parts.path.strip("/")) or query.get("dbname") or query.get("database", "")


def _refusal(url: str, error: Exception, timeout_s: float) -> Refusal:
    where = spoken(url)
    user = unquote(urlsplit(url).username or "") or dict(parse_qsl(urlsplit(url).query)).get("user")
    match error:
        case asyncpg.InvalidPasswordError():
            return LoginRefused(
                f"PostgreSQL at {where} refused the password of user {user}.",
                "Check user and password in PLANT_DATABASE_URL.",
            )
        case (
            asyncpg.InvalidAuthorizationSpecificationError() | asyncpg.InsufficientPrivilegeError()
        ):
            return LoginRefused(
                f"PostgreSQL at {where} does not let user {user} in: {error}.",
                "Check the user in PLANT_DATABASE_URL, and pg_hba.conf of the server.",
            )
        case asyncpg.InvalidCatalogNameError():
            name = _database(url)
            return DatabaseMissing(
                f"PostgreSQL at {where} has no database {name}.",
                f"Create it (createdb --owner {user} {name}), or correct PLANT_DATABASE_URL.",
            )
        case TimeoutError():
            said = f"did not answer within {timeout_s:g} seconds"
        case ssl.SSLError():
            said = f"and this side do not agree on TLS: {error}"
        case _:
            said = f"cannot be reached: {_words(error)}"
    return ServerUnreachable(f"PostgreSQL at {where} {said}.", PATH)


def _words(error: Exception) -> str:
    # asyncio replaces the system's words by the call that failed; a resolver's are its own.
    if isinstance(error, OSError) and (error.errno or 0) > 0:
        return os.strerror(error.errno or 0)
    return getattr(error, "strerror", None) or str(error)
