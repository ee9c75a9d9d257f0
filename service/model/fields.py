"""The type and bounds of every field, once: validation, OpenAPI and the tests read them here.

What msgspec cannot say (trimmed, no control characters, no duplicates) is in `rules`.
"""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

EMBEDDING_LENGTH = 384
ATTRIBUTES_SIZE_MAX = 32 * 1024
ATTRIBUTES_DEPTH_MAX = 16

EntityType = Literal["skill", "job_role", "team", "agent", "industry"]
Status = Literal["draft", "under_review", "certified", "active", "deprecated", "archived"]
CategoryName = Literal["technical", "soft_skill", "domain_expertise", "certification"]
Category = Annotated[CategoryName, Meta(description="What sort of skill it is.")]
SeniorityName = Literal["junior", "mid", "senior"]
Seniority = Annotated[
    SeniorityName, Meta(description="How experienced the role is; null only while in draft.")
]
Relation = Annotated[
    Literal["essential", "optional"], Meta(description="Whether the role needs it or gains by it.")
]

ExternalId = Annotated[
    str,
    Meta(min_length=1, max_length=255, description="The caller's own id, unique per kind."),
]
Name = Annotated[
    str,
    Meta(min_length=1, max_length=255, description="One line, trimmed; unique unless archived."),
]
Description = Annotated[
    str, Meta(min_length=1, max_length=10_000, description="Prose; tabs and newlines may occur.")
]
Alias = Annotated[str, Meta(min_length=1, max_length=255)]
Aliases = Annotated[list[Alias], Meta(max_length=200, description="Other names, no two equal.")]
Tag = Annotated[str, Meta(min_length=1, max_length=64)]
Tags = Annotated[list[Tag], Meta(max_length=50, description="Labels to filter by, no two equal.")]
CustomAttributes = Annotated[
    dict[str, Any],
    Meta(
        description="Any JSON object of at most 32 KiB and 16 levels; numbers within ±2^63, those "
        "with a fraction or exponent kept as doubles."
    ),
]
GovernanceNotes = Annotated[
    str, Meta(max_length=10_000, description="Notes of those who govern; may change in any state.")
]
ParentIds = Annotated[
    list[UUID], Meta(max_length=50, description="Broader entities of the same kind.")
]
SkillIds = Annotated[list[UUID], Meta(max_length=200, description="The skills that it has.")]
JobRoleId = Annotated[UUID, Meta(description="The job role that it is for.")]
IndustryId = Annotated[UUID, Meta(description="The industry that it belongs to.")]
TeamId = Annotated[UUID, Meta(description="The team that it is a member of.")]
Scheme = Annotated[
    str, Meta(min_length=1, max_length=64, description="The classification that the code is from.")
]
Code = Annotated[
    str, Meta(min_length=1, max_length=64, description="The code, unique within its scheme.")
]
Level = Annotated[
    int, Meta(ge=1, le=99, description="Depth in the classification; the top is level 1.")
]
Embedding = Annotated[
    list[float],
    Meta(
        min_length=EMBEDDING_LENGTH,
        max_length=EMBEDDING_LENGTH,
        description="The caller's vector: 384 finite single-precision numbers, not all zero. "
        "Write-only: the document shows embedding_sha256.",
    ),
]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="Lower-case hexadecimal.")]
Version = Annotated[int, Meta(ge=1, description="1 at birth, one more with every change.")]
Reason = Annotated[
    str, Meta(min_length=1, max_length=2_000, description="Why; kept in the history.")
]
Moment = Annotated[datetime, Meta(tz=True, description="RFC 3339, UTC, six fractional digits.")]


class Reference(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another entity by exactly one of its two ids."""

    id: UUID | UnsetType = UNSET
    external_id: ExternalId | UnsetType = UNSET


class RequiredSkill(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A skill that a job role needs, by exactly one of its two ids."""

    id: UUID | UnsetType = UNSET
    external_id: ExternalId | UnsetType = UNSET
    relation: Relation = "essential"


class RequiredSkillShown(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A skill that a job role needs, as documents show it."""

    id: UUID
    relation: Relation


RequiredSkills = Annotated[
    list[RequiredSkill], Meta(max_length=500, description="One entry per skill.")
]
References = Annotated[list[Reference], Meta(max_length=50, description="Broader entities.")]
SkillReferences = Annotated[list[Reference], Meta(max_length=200, description="Its skills.")]
