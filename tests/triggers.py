"""Triggers put to sleep by a superuser, who alone can plant what they refuse."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.sessions import Connection

OF_TABLE = """
SELECT tgname FROM pg_trigger WHERE tgrelid = $1::text::regclass AND NOT tgisinternal
"""


async def wake(superuser: Connection, table: str) -> None:
    """Have every trigger of a table at work, whatever role a session plays in a replication."""
    for trigger in await superuser.fetch(OF_TABLE, table):
        await superuser.execute(f'ALTER TABLE {table} ENABLE ALWAYS TRIGGER "{trigger["tgname"]}"')


@asynccontextmanager
async def asleep(superuser: Connection, table: str) -> AsyncIterator[None]:
    """Be in a transaction, or in a part of one, in which no trigger of a table fires."""
    async with superuser.transaction():
        await superuser.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield
        await wake(superuser, table)
