"""Matching: the structs of sql/match."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from service.repository.base import ANSWER_BYTES, Many


class NamedSkill(Struct, frozen=True):
    """A skill with the vectors of its name, in the server's form; none while not embedded."""

    id: UUID
    in_force: bool
    embedder: str | None
    embedding_384: bytes | None
    lexical_384: bytes | None


class NearSkill(Struct, frozen=True):
    """A skill that is near to a probe, counted from 1, by the label that is nearest."""

    nth: int
    skill_id: UUID
    label: str
    similarity: float


class LedSkill(Struct, frozen=True):
    """A skill that an index led to; led: how many labels it gave for the probe, in all its lists.

    The similarity is null where its vectors are of another model.
    """

    nth: int
    skill_id: UUID
    label: str
    similarity: float | None
    led: int


class FittingAgent(Struct, frozen=True):
    """An agent, what is needed by weight, and what covers it; no document if there is no room."""

    id: UUID
    document: str | None
    score: float
    needed: list[UUID]
    by_ids: list[UUID | None]
    similarities: list[float | None]


class FittingRole(Struct, frozen=True):
    """A job role, and what it needs, in no order; no document where there is no room for it."""

    id: UUID
    document: str | None
    score: float
    needed: list[UUID]
    weights: list[float]

    @property
    def by_weight(self) -> list[UUID]:
        """List what it needs, the weightiest first."""
        pairs = zip(self.weights, self.needed, strict=True)
        return [skill for _, skill in sorted(pairs, key=lambda pair: (-pair[0], pair[1]))]


class MatchSkills(Many[NamedSkill], frozen=True):
    """Find skills with the vectors of their names."""

    ids: Sequence[str]


class MatchSkillsExact(Many[NearSkill], frozen=True):
    """Compare probes with all skills in force."""

    effect = "search"

    vectors: Sequence[bytes | None]
    lexicals: Sequence[bytes | None]
    texts: Sequence[str | None]
    leasts: Sequence[float]
    models: Sequence[str]
    words: float
    count: int


class MatchSkillsNear(Many[LedSkill], frozen=True):
    """Go as far as the indexes lead."""

    effect = "search"

    vectors: Sequence[bytes | None]
    lexicals: Sequence[bytes | None]
    texts: Sequence[str | None]
    models: Sequence[str]
    words: float
    count: int
    near: int


class MatchJobRoles(Many[FittingRole], frozen=True):
    """Rank job roles."""

    effect = "search"
    bytes_max = ANSWER_BYTES

    places: Sequence[int]
    ids: Sequence[UUID]
    similarities: Sequence[float]
    covered: Sequence[UUID]
    best: Sequence[float]
    count: int


class MatchAgents(Many[FittingAgent], frozen=True):
    """Rank agents."""

    effect = "search"
    bytes_max = ANSWER_BYTES

    job_role_id: str
    needed: Sequence[UUID]
    held: Sequence[UUID]
    similarities: Sequence[float]
    count: int
