"""Partitions of labels that tenants have of their own, as the owner makes them: sql/label."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from msgspec import Struct

from service.repository.base import Effect, Many, One


class Former(Struct, frozen=True):
    """The table of its own that a tenant has; None where its labels stand among others.

    `detached`: one that has a name of it and is not searched.
    """

    former: str | None
    detached: str | None


class Begun(Struct, frozen=True):
    """The table that is being made, and the one of its own that the tenant has so far."""

    made: str
    former: str | None


class Versions(Struct, frozen=True):
    """Entities of a tenant with the versions that they have."""

    ids: list[UUID]
    versions: list[int]


class Copied(Struct, frozen=True):
    """How many labels were copied, and the number above all that they have."""

    copied: int
    next_no: int


class DueLabel(Struct, frozen=True):
    """A label to be computed; without an entity there is none among those up to `last_id`."""

    entity_id: UUID | None
    entity_type: str
    label_no: int
    source: str
    label: str
    digest: bytes
    embedder: str
    brought: bytes | None
    private_to: UUID | None
    last_id: UUID


class Indexed(Struct, frozen=True):
    """How many labels the table has."""

    labels: int


class Changed(Struct, frozen=True):
    """How many entities have changed since their versions were read."""

    changed: int


class Cleared(Struct, frozen=True):
    """How many labels were deleted where all have theirs."""

    cleared: int


class LabelPartitionFound(One[Former], frozen=True):
    """Ask whether a tenant's labels stand in a table of their own."""

    tenant_id: UUID


class LabelPartitionBegin(One[Begun], frozen=True):
    """Make the table, until the transaction ends for this session alone."""

    effect: ClassVar[Effect] = "write"

    tenant_id: UUID


class LabelVersions(One[Versions], frozen=True):
    """Read the versions of a tenant's entities."""

    tenant_id: UUID


class LabelPartitionCopy(One[Copied], frozen=True):
    """Copy labels that serve a model, or all without one."""

    effect: ClassVar[Effect] = "write"

    tenant_id: UUID
    model: str | None
    words: str | None
    since: datetime


class LabelPartitionDue(Many[DueLabel], frozen=True):
    """Read what is to be computed of the next entities."""

    tenant_id: UUID
    after_id: UUID
    entities: int
    next_no: int
    model: str
    words: str
    since: datetime


class LabelPartitionIndex(One[Indexed], frozen=True):
    """Build the indexes."""

    effect: ClassVar[Effect] = "write"

    tenant_id: UUID


class LabelPartitionMend(One[Changed], frozen=True):
    """Follow entities that have changed since."""

    effect: ClassVar[Effect] = "write"

    tenant_id: UUID
    ids: Sequence[UUID]
    versions: Sequence[int]


class LabelPartitionClear(One[Cleared], frozen=True):
    """Delete the labels that stand among those of others."""

    effect: ClassVar[Effect] = "write"

    tenant_id: UUID


class LabelPartitionAttach(One[Changed], frozen=True):
    """Put the table in place; each lock is waited for so many milliseconds."""

    effect: ClassVar[Effect] = "write"

    tenant_id: UUID
    ids: Sequence[UUID]
    versions: Sequence[int]
    embedder: str | None
    pos: int | None
    wait_ms: int
