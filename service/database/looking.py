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
    """A session that reads; `may_be_owner` when it can see what the owner of everything sees."""

    connection: asyncpg.Connection[Any]
    may_be_owner: bool

    async def as_owner(self) -> None:
        """Be the owner from here on, where that may be."""
        if self.may_be_owner:
            await self.connection.execute(f"SET ROLE {OWNER}")


@asynccontextmanager
async def looking(url: str, settings: Settings) -> AsyncIterator[Looking]:
    """Have a session that only reads, at first as the user of the address.

    Raises: ServerUnreachable, LoginRefused, DatabaseMissing.
    """
    async with connected(url, settings) as connection:
        await connection.execute(READ_ONLY)
        yield Looking(connection, bool(await connection.fetchval(MEMBER, OWNER)))
