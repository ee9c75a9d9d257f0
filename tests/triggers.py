"""Triggers put to sleep by a superuser, who alone can plant what they refuse."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from tests.sessions import Connection

STATES = """
SELECT tgname::text, tgenabled::text
FROM pg_trigger
WHERE tgrelid = '{table}'::regclass AND NOT tgisinternal
"""
HOW = {"A": "ENABLE ALWAYS", "O": "ENABLE", "R": "ENABLE REPLICA", "D": "DISABLE"}


def waking(table: str, states: Iterable[Sequence[str]]) -> str:
    """Write what gives each trigger of a table the state back that it had.

    ENABLE TRIGGER USER would have those that are always at work pass over what is replicated.
    """
    return "\n".join(
        f'ALTER TABLE {table} {HOW[state]} TRIGGER "{name}";' for name, state in states
    )


@asynccontextmanager
async def asleep(superuser: Connection, table: str) -> AsyncIterator[None]:
    """Be in a transaction, or in a part of one, in which no trigger of a table fires."""
    async with superuser.transaction():
        states = await superuser.fetch(STATES.format(table=table))
        await superuser.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield
        await superuser.execute(waking(table, states))
