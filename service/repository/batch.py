"""Batches: the structs of sql/batch."""

from uuid import UUID

from msgspec import Struct

from service.repository.base import One


class BatchDone(Struct, frozen=True):
    """What became of each operation, in their order; replayed: by an earlier request."""

    ids: list[UUID]
    versions: list[int]
    etags: list[str]
    audit_ids: list[UUID]
    entry_hashes: list[bytes]
    replayed: bool


class BatchRun(One[BatchDone], frozen=True):
    """Do several operations, all of them or none."""

    operations: str
    request: str | None = None
