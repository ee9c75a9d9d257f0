"""Erasure as the command does it, and payloads emptied beneath the triggers."""

from uuid import UUID

from service.repository.base import Repository
from service.repository.erasure import EntityErase, Erased
from tests.api import Answer
from tests.factories import Actor
from tests.sessions import Connection


def entry_of(answer: Answer) -> UUID:
    """Give the id of the entry that a write has left."""
    return UUID(answer.headers["Audit-Entry"].split("=")[1].split(",")[0])


async def erased(repository: Repository, actor: Actor, kind: str, identity: UUID | str) -> Erased:
    """Erase an entity, as the command does it."""
    return await repository.one(EntityErase(kind, str(identity)), actor.context)


async def erase(superuser: Connection, *entries: UUID) -> None:
    """Empty salt and body of these entries; nothing else says so."""
    async with superuser.transaction():
        await superuser.execute("ALTER TABLE audit.payload DISABLE TRIGGER USER")
        await superuser.execute(
            "UPDATE audit.payload SET body = NULL, salt = NULL WHERE audit_id = ANY($1)",
            list(entries),
        )
        for name in ("10_update", "20_emptying", "append_only"):
            await superuser.execute(
                f"ALTER TABLE audit.payload ENABLE ALWAYS TRIGGER payload_{name}"
            )
