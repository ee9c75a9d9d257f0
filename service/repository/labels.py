"""Labels with their vectors, as the worker writes them: structs of sql/label."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from msgspec import Struct

from service.repository.base import Effect, Many, One


class Due(Struct, frozen=True):
    """A label that lacks its vectors, and how far the entries went that were looked at.

    Without a label the entity has one too many; without a version it needs nothing; without an
    entity there is none.
    """

    until_pos: int
    until_seq: int
    pos: int | None
    seq: int | None
    entity_id: UUID | None
    entity_type: str | None
    version: int | None
    source: str | None
    label: str | None
    digest: bytes | None
    embedder: str | None


class Written(Struct, frozen=True):
    """How many labels were written."""

    written: int


class Turn(Struct, frozen=True):
    """Whether a lock is ours."""

    ours: bool


class Cursor(Struct, frozen=True):
    """Up to which position a tenant is embedded, and the last one that there is."""

    pos: int
    last_pos: int


class Count(Struct, frozen=True):
    """How many labels a tenant has to have, and how many there are for a model."""

    wanted: int
    present: int


class Behind(Struct, frozen=True):
    """A tenant with entries that were not looked at yet."""

    tenant_id: UUID
    behind: int


class Sampled(Struct, frozen=True):
    """A label as it is stored; vectors in the server's binary form.

    `brought`: its entity has a caller's vector, and means what that says.
    """

    entity_id: UUID
    source: str
    label: str
    embedder: str
    embedding: bytes
    lexical: bytes
    brought: bool


class LabelPending(Many[Due], frozen=True):
    """Read which labels lack their vectors, behind a position and a number of the queue."""

    tenant_id: UUID
    after_pos: int
    after_seq: int
    entries: int
    model: str
    words: str
    since: datetime
    count: int


class LabelsWrite(One[Written], frozen=True):
    """Write labels of entities; two groups of lists of one length, vectors as `wire` has them."""

    effect: ClassVar[Effect] = "write"

    tenant_id: UUID
    embedder: str
    pos: int
    ids: Sequence[UUID]
    versions: Sequence[int]
    entity_ids: Sequence[UUID]
    sources: Sequence[str]
    digests: Sequence[bytes]
    embedders: Sequence[str]
    embeddings: Sequence[bytes]
    lexicals: Sequence[bytes]


class LabelTurn(One[Turn], frozen=True):
    """Become the one who embeds a tenant, until `LabelTurnEnd` or the end of the session."""

    tenant_id: UUID


class LabelTurnEnd(One[Turn], frozen=True):
    """Let others embed a tenant."""

    tenant_id: UUID


class LabelCursor(One[Cursor], frozen=True):
    """Ask how far a tenant is embedded."""

    tenant_id: UUID
    embedder: str


class LabelsBehind(Many[Behind], frozen=True):
    """List tenants that are behind, those with the least first."""

    embedder: str
    count: int


class LabelSample(Many[Sampled], frozen=True):
    """Draw labels by a seed."""

    tenant_id: UUID
    seed: int
    count: int


class LabelCount(One[Count], frozen=True):
    """Count the labels of a tenant."""

    tenant_id: UUID
    model: str
    words: str
