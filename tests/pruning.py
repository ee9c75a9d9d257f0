"""Pruning as the command does it, without the file."""

from hashlib import sha256
from uuid import UUID

from msgspec import Struct

from tests.sessions import Connection

DIGEST = sha256(b"archive").digest()
PRUNE = "SELECT pruned.* FROM audit.prune_log($1, $2, $3, $4) AS pruned"


class Done(Struct, frozen=True):
    """The entry of a pruning, and how many documents it emptied."""

    version: int
    audit_id: UUID
    entry_hash: bytes
    emptied: int


async def prune(
    session: Connection, tenant: UUID, through: int, archive: str = "archive.proof"
) -> Done:
    """Empty the documents of a tenant's log up to a position."""
    async with session.transaction(isolation="repeatable_read"):
        row = await session.fetchrow(PRUNE, tenant, through, archive, DIGEST)
    assert row
    return Done(*row)
