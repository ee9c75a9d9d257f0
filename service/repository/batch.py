"""Batches: the structs of sql/batch."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from service.repository.base import One


class BatchDone(Struct, frozen=True):
    """What became of each operation, in their order; replayed: by an earlier request."""

    ids: Sequence[UUID]
    versions: Sequence[int]
    etags: Sequence[str]
    audit_ids: Sequence[UUID]
    entry_hashes: Sequence[bytes]
    replayed: bool


class BatchRun(One[BatchDone], frozen=True):
    """Do several operations, all of them or none."""

    operations: str
    request: str | None = None
