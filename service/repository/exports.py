"""Exports: the struct of sql/export."""

from typing import Final
from uuid import UUID

from msgspec import Struct

from service.repository.base import Many
from service.repository.entities import ListedById

PAGE_BYTES: Final = 1024 * 1024
"""Of documents in one piece of an export: what a slow reader has to take within the deadline."""


class GivenVector(Struct, frozen=True):
    """The vector that a caller has given to an entity, as JSON has it."""

    id: UUID
    embedding: str


class ExportPage(Many[ListedById], frozen=True):
    """Read the next entities of a kind."""

    bytes_max = PAGE_BYTES

    kind: str
    after: str
    count: int


class ExportEmbeddings(Many[GivenVector], frozen=True):
    """Read the vectors that callers have given to some skills and industries."""

    ids: list[str]
