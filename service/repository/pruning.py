"""Pruning: the structs of sql/audit that find what goes, read it, and empty it."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from service.repository.base import Many, Maybe, One
from service.repository.proof import ProvenEntry


class Position(Struct, frozen=True):
    """A place in a tenant's log, from 1."""

    pos: int


class Prunable(Struct, frozen=True):
    """How far a log can be pruned, the leaf there, and how much would be emptied, from where on."""

    through: int
    log_index: int
    leaf_hash: bytes
    first: int
    documents: int
    bytes: int


class Pruned(Struct, frozen=True):
    """The entry that says that a log was pruned, and how many documents went."""

    version: int
    audit_id: UUID
    entry_hash: bytes
    emptied: int


class LogBefore(Maybe[Position], frozen=True):
    """Find the last position before a time."""

    tenant_id: UUID
    before: datetime


class LogPrunable(Maybe[Prunable], frozen=True):
    """Say how far a log that is sealed up to a size can be pruned."""

    tenant_id: UUID
    through: int
    size: int


class LogArchivePage(Many[ProvenEntry], frozen=True):
    """Read the log as it goes into a file."""

    tenant_id: UUID
    after_position: int
    last_position: int
    count: int


class LogPrune(One[Pruned], frozen=True):
    """Empty the documents of a tenant's log up to a position."""

    effect = "write"

    tenant_id: UUID
    through: int
    archive: str
    digest: bytes
