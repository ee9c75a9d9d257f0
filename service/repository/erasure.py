"""Erasure: the struct of sql/audit/entity_erase.sql."""

from uuid import UUID

from msgspec import Struct

from service.repository.base import One


class Erased(Struct, frozen=True):
    """The version by which an entity was erased; the text of all before it is gone.

    `etag` has no quotes; `amendments` counts those that were erased with it.
    """

    id: UUID
    version: int
    status: str
    etag: str
    audit_id: UUID
    entry_hash: bytes
    amendments: int


class EntityErase(One[Erased], frozen=True):
    """Empty the past of an entity of its content."""

    effect = "write"

    kind: str
    id: str
