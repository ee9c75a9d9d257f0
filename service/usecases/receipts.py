"""Receipts: what proves one version to anyone, as soon as a checkpoint covers it.

Of an entity, or of an amendment, which has versions and entries of its own.
"""

import time
from uuid import UUID

from msgspec import Struct

from service.errors import NotFound
from service.model.history import VERSION_MAX
from service.model.kinds import Kind
from service.proof.entry import entry_hash, leaf_bytes
from service.proof.receipt import Receipt
from service.proof.tree import leaf_hash
from service.repository.amendments import AmendmentOfEntity, AmendmentOpen
from service.repository.base import Context, Repository
from service.repository.proof import CheckpointRow, Place, PlacedEntry, ProofEntry
from service.usecases.tree import Tree, note_of
from service.usecases.waiting import WaitingRoom


class Unsealed(Struct, frozen=True):
    """An entry that no checkpoint covers yet; without a position it has no place either."""

    audit_id: UUID
    position: int | None


class Subject(Struct, frozen=True):
    """What has versions: kind and id in the log, and how people are told that it is not there."""

    kind: str
    identity: str
    words: str


def entity(kind: Kind, identity: str) -> Subject:
    """Mean an entity."""
    return Subject(kind.name, identity, f"{kind.title} with this id")


async def amendment(
    repository: Repository, context: Context, kind: Kind, identity: str, amendment_id: str | None
) -> Subject:
    """Mean an amendment of an entity, None for the open one; seen by whom the amendment is.

    Raises: NotFound.
    """
    if amendment_id is None:
        found = await repository.maybe(AmendmentOpen(kind.name, identity), context)
        absent = f"No open amendment of this {kind.title} is visible to you."
    else:
        query = AmendmentOfEntity(kind.name, identity, amendment_id)
        found = await repository.maybe(query, context)
        absent = f"No amendment of this {kind.title} with this id is visible to you."
    if found is None:
        raise NotFound(absent)
    return Subject("amendment", str(found.id), f"amendment of this {kind.title}")


class Receipts:
    """Makes receipts."""

    def __init__(self, tree: Tree, room: WaitingRoom) -> None:
        self._tree = tree
        self._room = room

    @property
    def waiting(self) -> int:
        """Count those who wait for a receipt."""
        return self._room.waiting

    async def find(
        self,
        repository: Repository,
        context: Context,
        subject: Subject,
        version: int | None,
        wait_s: float = 0.0,
    ) -> Receipt | Unsealed:
        """Make the receipt of a version, None for the present one, or wait for what it lacks.

        Raises: NotFound; Defect, when the log does not lead to what was signed.
        """
        least, most = (1, VERSION_MAX) if version is None else (version, version)
        end = time.monotonic() + wait_s
        while True:
            query = ProofEntry(subject.kind, subject.identity, least, most)
            placed = await repository.maybe(query, context)
            if placed is None:
                raise NotFound(_absent(subject, version))
            place, sealed = placed.place, placed.sealed
            size = sealed.size if sealed is not None else 0
            if sealed is not None and place is not None and place.log_index < size:
                return await self._made(repository, context, sealed, placed, place)
            # What has no place yet will be in a larger log than this.
            later = place.log_index if place is not None else size
            if not await self._room.beyond(later, end - time.monotonic()):
                return Unsealed(placed.audit_id, placed.pos)
            # The version that was there when it was asked for, whatever is written meanwhile.
            least = most = placed.version

    async def _made(
        self,
        repository: Repository,
        context: Context,
        sealed: CheckpointRow,
        placed: PlacedEntry,
        place: Place,
    ) -> Receipt:
        entry = placed.entry.encode()
        leaf = leaf_bytes(context.tenant_id, place.pos, entry_hash(entry), place.tenant_prev)
        proof = await self._tree.inclusion(repository, sealed, place.log_index, leaf_hash(leaf))
        return Receipt(
            audit_id=str(placed.audit_id),
            entry=placed.entry,
            salt=placed.salt.hex() if placed.salt is not None else None,
            document=placed.document,
            log_index=place.log_index,
            position=place.pos,
            leaf=leaf.decode(),
            proof=[one.hex() for one in proof],
            checkpoint=note_of(sealed),
        )


def _absent(subject: Subject, version: int | None) -> str:
    what = subject.words if version is None else f"version {version} of the {subject.words}"
    return f"No {what} is visible to you."
