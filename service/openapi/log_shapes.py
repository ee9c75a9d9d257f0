"""Answers about the log, as structs of their own."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from service.model.fields import Sha256
from service.openapi.shapes import Cursor

LogIndex = Annotated[int, Meta(ge=0, description="Its place in the log of all tenants, from 0.")]
Position = Annotated[int, Meta(ge=1, description="Its place among the tenant's entries, from 1.")]
Size = Annotated[int, Meta(ge=0, description="A number of entries, from the first on.")]
Exact = "The bytes that are hashed, as text. docs/audit-format.md says what stands in it."
EntryText = Annotated[str, Meta(description=f"The entry. {Exact}")]
LeafText = Annotated[str, Meta(description=f"The leaf of the tree that stands for it. {Exact}")]
Salt = Annotated[
    Annotated[str, Meta(pattern="^[0-9a-f]{32}$")] | None,
    Meta(description="16 bytes in hex; null once erased or pruned."),
]
Document = Annotated[
    str | None,
    Meta(description="The document exactly as it was served; null once erased or pruned."),
]
Proof = Annotated[
    list[Sha256], Meta(max_length=128, description="The hashes of the proof (RFC 9162), in order.")
]
Note = Annotated[
    str, Meta(description="A signed checkpoint (c2sp.org/tlog-checkpoint), cosignatures included.")
]


class ReceiptShown(Struct):
    """What proves one version, and with it all that the tenant's log had before it."""

    audit_id: UUID
    entry: EntryText
    salt: Salt
    document: Document
    log_index: LogIndex
    position: Position
    leaf: LeafText
    proof: Proof
    checkpoint: Note


class NotSealedYet(Struct):
    """That a version has its entry, and no signed checkpoint covers it yet."""

    audit_id: UUID
    sealed: bool
    position: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="Null while the entry has no place in the log."),
    ]
    retry_after_s: Annotated[int, Meta(ge=0, description="After how many seconds to ask again.")]


class EntryShown(Struct):
    """One entry of the tenant's log; with the one before it, all that its leaf is made from."""

    position: Position
    log_index: LogIndex
    audit_id: UUID
    entry: EntryText
    tenant_prev: Annotated[
        str,
        Meta(
            pattern="^[0-9a-f]{64}$",
            description="The leaf hash of the tenant's entry before; zeros for its first.",
        ),
    ]
    leaf_hash: Sha256


class EntryPage(Struct):
    """A page of the tenant's log."""

    items: list[EntryShown]
    next_cursor: Cursor


class GrowthShown(Struct, rename={"old_size": "from", "size": "to"}):
    """What proves that nothing of a smaller log was changed in a larger one."""

    old_size: Size
    size: Size
    proof: Proof
    checkpoint: Annotated[
        str | None, Meta(description="The checkpoint of the size `to`, when one was signed.")
    ]
