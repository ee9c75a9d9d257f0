"""A session that looks at a database and cannot change it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from service.database.check import connected
from service.database.roles import MEMBER, OWNER
from service.settings import Settings

if TYPE_CHECKING:
    import asyncpg

READ_ONLY = "SET default_transaction_read_only = on"


class Looking(Struct, frozen=True):
    """A session that reads; `as_owner` when it sees what the owner of everything sees."""

    connection: asyncpg.Connection[Any]
    as_owner: bool


@asynccontextmanager
async def looking(url: str, settings: Settings) -> AsyncIterator[Looking]:
    """Have a session that only reads, as the owner where its user may be that.

    Raises: ServerUnreachable, LoginRefused, DatabaseMissing.
    """
    async with connected(url, settings) as connection:
        await connection.execute(READ_ONLY)
        as_owner = bool(await connection.fetchval(MEMBER, OWNER))
        if as_owner:
            await connection.execute(f"SET ROLE {OWNER}")
        yield Looking(connection, as_owner)
