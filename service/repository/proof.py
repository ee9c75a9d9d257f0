"""The log and its proofs, as they are shown: the structs of sql/proof."""

from typing import Final
from uuid import UUID

from msgspec import Struct

from service.repository.base import Many, Maybe

PAGE_BYTES: Final = 1024 * 1024
"""Of documents in one piece of a proof: what a slow reader has to take within the deadline."""


class CheckpointRow(Struct, frozen=True):
    """A checkpoint; `cosignatures` are whole lines, none or more of them."""

    incarnation: int
    size: int
    root: bytes
    note: str
    cosignatures: str


class TileRow(Struct, frozen=True):
    """The hashes of a tile, one after the other."""

    level: int
    index: int
    nodes: bytes


class Place(Struct, frozen=True):
    """Where an entry stands: in the log of all from 0, among its tenant's from 1."""

    log_index: int
    pos: int
    tenant_prev: bytes


class PlacedEntry(Struct, frozen=True):
    """An entry, its document unless that is erased, its place in the log once it has one.

    And the latest checkpoint, when there is one.
    """

    version: int
    audit_id: UUID
    entry: str
    salt: bytes | None
    document: str | None
    log_index: int | None
    pos: int | None
    tenant_prev: bytes | None
    incarnation: int | None
    size: int | None
    root: bytes | None
    note: str | None
    cosignatures: str | None

    @property
    def sealed(self) -> CheckpointRow | None:
        """Give the latest checkpoint, None before there is one."""
        if (
            self.incarnation is None
            or self.size is None
            or self.root is None
            or self.note is None
            or self.cosignatures is None
        ):
            return None
        return CheckpointRow(self.incarnation, self.size, self.root, self.note, self.cosignatures)

    @property
    def place(self) -> Place | None:
        """Give the place, all of it or none."""
        if self.log_index is None or self.pos is None or self.tenant_prev is None:
            return None
        return Place(self.log_index, self.pos, self.tenant_prev)


class ListedEntry(Struct, frozen=True):
    """An entry and its place in the log."""

    pos: int
    log_index: int
    audit_id: UUID
    entry: str
    tenant_prev: bytes
    leaf_hash: bytes


class ProvenEntry(Struct, frozen=True):
    """An entry on its way into a proof: shown, withheld or erased.

    Shown without a document: there is no room for it.
    """

    pos: int
    entry: str
    state: str
    salt: bytes | None
    document: str | None
    leaf_hash: bytes


class EndOfLog(Struct, frozen=True):
    """The last of a tenant's entries that a log of some size has."""

    pos: int
    log_index: int
    leaf_hash: bytes


class ProofCheckpoint(Maybe[CheckpointRow], frozen=True):
    """Read the latest checkpoint."""


class ProofCheckpointOfSize(Maybe[CheckpointRow], frozen=True):
    """Read the checkpoint of a size."""

    incarnation: int
    size: int


class ProofTiles(Many[TileRow], frozen=True):
    """Read tiles."""

    levels: list[int]
    indexes: list[int]


class ProofEntry(Maybe[PlacedEntry], frozen=True):
    """Find the entry of a version."""

    kind: str
    id: str
    least_version: int
    most_version: int


class ProofEntries(Many[ListedEntry], frozen=True):
    """List the tenant's log."""

    after_position: int
    count: int


class ProofEnd(Maybe[EndOfLog], frozen=True):
    """Find the last entry of the tenant in a log of some size."""

    size: int


class ProofPage(Many[ProvenEntry], frozen=True):
    """Read the tenant's log as it is exported for proof."""

    bytes_max = PAGE_BYTES

    after_position: int
    last_position: int
    count: int
