"""Search: the structs of sql/search, and of what a tenant takes for the same."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from msgspec import Struct

from service.repository.base import ANSWER_BYTES, Many, Maybe, One

SOURCES: Final = ("name", "alias", "description", "caller")
NAMES: Final = ("name", "alias", "caller")
"""Labels that say what something is called, not what it is."""


class Hit(Struct, frozen=True):
    """An entity with the scores of its best label; no document where there is no room for it."""

    id: UUID
    document: str | None
    score: float
    vector: float | None
    lexical: float | None
    label: str


class NearHit(Hit, frozen=True):
    """A hit that says among how many entities it was found, and how many labels led to them."""

    led: list[int]


class Label(Struct, frozen=True):
    """A label with its vectors, as the database has them in binary form."""

    embedder: str
    embedding_384: bytes
    lexical_384: bytes


class PairLabel(Struct, frozen=True):
    """What a label of an entity is compared by, as the database has it; none: not embedded."""

    id: UUID
    vector: bytes | None
    lexical: bytes | None


class Pair(Struct, frozen=True):
    """Two entities, how near they are, and by which label of each."""

    one_id: UUID
    other_id: UUID
    score: float
    one_label: str
    other_label: str


class Breadth(Struct, frozen=True):
    """How many labels something has, counted as far as was asked."""

    labels: int


class Scale(Struct, frozen=True):
    """How many labels the indexes lead through, as it was estimated last; own: all the tenant's."""

    labels: int
    own: bool


class Threshold(Struct, frozen=True):
    """From which score on a tenant takes two for the same; null: as the service does."""

    similar_min: float | None


class TenantThreshold(Struct, frozen=True):
    """A tenant with its threshold."""

    tenant_id: UUID
    name: str
    similar_min: float | None


class SearchBreadth(One[Breadth], frozen=True):
    """Count labels, no further than to a number."""

    effect = "search"

    kinds: Sequence[str]
    statuses: Sequence[str]
    categories: Sequence[str]
    tags: Sequence[str]
    industry_ids: Sequence[str]
    most: int


class SearchScale(One[Scale], frozen=True):
    """Estimate how many labels the indexes lead through."""


class SearchExact(Many[Hit], frozen=True):
    """Compare everything."""

    effect = "search"
    bytes_max = ANSWER_BYTES

    kinds: Sequence[str]
    statuses: Sequence[str]
    categories: Sequence[str]
    tags: Sequence[str]
    industry_ids: Sequence[str]
    vectors: Sequence[bytes | None]
    lexicals: Sequence[bytes | None]
    models: Sequence[str]
    sources: Sequence[str]
    but_id: str | None
    words: float
    around: float
    count: int


class SearchNear(Many[NearHit], frozen=True):
    """Go as far as the indexes lead."""

    effect = "search"
    bytes_max = ANSWER_BYTES

    kinds: Sequence[str]
    statuses: Sequence[str]
    categories: Sequence[str]
    tags: Sequence[str]
    industry_ids: Sequence[str]
    vectors: Sequence[bytes | None]
    lexicals: Sequence[bytes | None]
    models: Sequence[str]
    sources: Sequence[str]
    but_id: str | None
    words: float
    around: float
    count: int
    near: int


class SearchLabels(Many[Label], frozen=True):
    """List what an entity is called."""

    id: str
    count: int


class SearchPairLabels(Many[PairLabel], frozen=True):
    """List what the next entities of a kind are called."""

    kind: str
    statuses: Sequence[str]
    models: Sequence[str]
    sources: Sequence[str]
    after: str
    count: int


class SearchPairs(Many[Pair], frozen=True):
    """Say how near pairs are."""

    ones: Sequence[UUID]
    others: Sequence[UUID]
    kind: str
    statuses: Sequence[str]
    models: Sequence[str]
    sources: Sequence[str]
    words: float
    least: float


class TenantSimilar(One[Threshold], frozen=True):
    """Read the caller's threshold."""


class TenantSimilarByName(Maybe[TenantThreshold], frozen=True):
    """Read a tenant's threshold."""

    name: str


class TenantSimilarSet(Maybe[TenantThreshold], frozen=True):
    """Set a tenant's threshold, or leave it to the service."""

    name: str
    similar_min: float | None
