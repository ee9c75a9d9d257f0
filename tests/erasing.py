"""The payload of an entry emptied beneath the triggers, as an erasure leaves it."""

from uuid import UUID

from tests.api import Answer
from tests.sessions import Connection


def entry_of(answer: Answer) -> UUID:
    """Give the id of the entry that a write has left."""
    return UUID(answer.headers["Audit-Entry"].split("=")[1].split(",")[0])


async def erase(superuser: Connection, *entries: UUID) -> None:
    """Empty salt and body of these entries; nothing else says so."""
    async with superuser.transaction():
        await superuser.execute("ALTER TABLE audit.payload DISABLE TRIGGER USER")
        await superuser.execute(
            "UPDATE audit.payload SET body = NULL, salt = NULL WHERE audit_id = ANY($1)",
            list(entries),
        )
        await superuser.execute(
            "ALTER TABLE audit.payload ENABLE ALWAYS TRIGGER payload_append_only"
        )
