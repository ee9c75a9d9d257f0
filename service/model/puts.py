"""What PUT takes: all of an entity, or all that a link says."""

from msgspec import UNSET, Struct, UnsetType

from service.model.documents import IndustryCreate, SkillCreate
from service.model.fields import Embedding, Relation


class SkillPut(SkillCreate, frozen=True, kw_only=True):
    """All of a skill; a vector that is left out stays, as no document shows it."""

    embedding_384: Embedding | UnsetType | None = UNSET  # type: ignore[assignment]


class IndustryPut(IndustryCreate, frozen=True, kw_only=True):
    """All of an industry; a vector that is left out stays, as no document shows it."""

    embedding_384: Embedding | UnsetType | None = UNSET  # type: ignore[assignment]


class SkillNeed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a job role needs one skill."""

    relation: Relation = "essential"


class Membership(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """That the one belongs to the other: there is nothing more to say."""
