"""The type and bounds of every field, once: validation, OpenAPI and the tests read them here.

What msgspec does not check (trimmed, no control characters, no duplicates) is in `rules`; here it
stands a second time under `extra_json_schema`, for readers of the description.
"""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from service.model.text import LINE_PATTERN, NOTES_PATTERN, PROSE_PATTERN

EMBEDDING_LENGTH = 384
ATTRIBUTES_SIZE_MAX = 32 * 1024
ATTRIBUTES_DEPTH_MAX = 16

SINGLE_MAX = 3.4028234663852886e38
"""The largest number of single precision."""

SINGLE_ZERO = 2.0**-150
"""The largest number that single precision takes for zero."""

_LINE = {"pattern": LINE_PATTERN}
_PROSE = {"pattern": PROSE_PATTERN}
_NOTES = {"pattern": NOTES_PATTERN}
_UNIQUE = {"uniqueItems": True}

EntityId = Annotated[UUID, Meta(description="Given at birth; a UUID of version 7.")]
GovernanceAgentId = Annotated[UUID, Meta(description="The governance agent that is accountable.")]
EntityType = Literal["skill", "job_role", "team", "agent", "industry"]
Status = Literal["draft", "under_review", "certified", "active", "deprecated", "archived"]
CategoryName = Literal["technical", "soft_skill", "domain_expertise", "certification"]
Category = Annotated[CategoryName, Meta(description="What sort of skill it is.")]
SuccessorId = Annotated[
    UUID,
    Meta(
        description="With `deprecated` only: another entity of the same kind, certified or active, "
        "that takes its place; needed while others in force depend on it."
    ),
]
SeniorityName = Literal["junior", "mid", "senior"]
Seniority = Annotated[
    SeniorityName, Meta(description="How experienced the role is; null only while in draft.")
]
Relation = Annotated[
    Literal["essential", "optional"], Meta(description="Whether the role needs it or gains by it.")
]

ExternalId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        description="The caller's own id: one line, trimmed; unique per kind, archived included.",
        examples=["pottery/wheel"],
        extra_json_schema=_LINE,
    ),
]
Name = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        description="One line, trimmed; unique per kind among what is not archived, whatever the "
        "case (industries: per scheme and level). At most 2 KiB in Unicode form NFKC.",
        examples=["Wheel throwing"],
        extra_json_schema=_LINE,
    ),
]
Description = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=10_000,
        description="Prose, not blank; of control characters only tab and newline may occur.",
        extra_json_schema=_PROSE,
    ),
]
Alias = Annotated[str, Meta(min_length=1, max_length=255, extra_json_schema=_LINE)]
Aliases = Annotated[
    list[Alias],
    Meta(max_length=200, description="Other names, no two equal.", extra_json_schema=_UNIQUE),
]
Tag = Annotated[
    str, Meta(min_length=1, max_length=64, examples=["pottery"], extra_json_schema=_LINE)
]
Tags = Annotated[
    list[Tag],
    Meta(
        max_length=50, description="Labels to filter by, no two equal.", extra_json_schema=_UNIQUE
    ),
]
CustomAttributes = Annotated[
    dict[str, Any],
    Meta(
        description="Any JSON object of at most 32 KiB as compact JSON and 16 levels; no control "
        "characters but tab and newline; numbers within ±2^63, those with a fraction or exponent "
        "kept as doubles.",
        extra_json_schema={"$ref": "#/components/schemas/CustomAttributes"},
    ),
]
GovernanceNotes = Annotated[
    str,
    Meta(
        max_length=10_000,
        description="Notes of those who govern; may change in any state but archived.",
        extra_json_schema=_NOTES,
    ),
]
ParentIds = Annotated[
    list[UUID],
    Meta(
        max_length=50,
        description="Broader entities of the same kind, no two equal; no cycle.",
        extra_json_schema=_UNIQUE,
    ),
]
SkillIds = Annotated[
    list[UUID],
    Meta(
        max_length=200,
        description="The skills that it has, no two equal.",
        extra_json_schema=_UNIQUE,
    ),
]
JobRoleId = Annotated[UUID, Meta(description="The job role that it is for.")]
IndustryId = Annotated[UUID, Meta(description="The industry that it belongs to.")]
TeamId = Annotated[UUID, Meta(description="The team that it is a member of.")]
Scheme = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        description="The classification that the code is from; scheme, code and level are given "
        "together or not at all.",
        examples=["NACE2"],
        extra_json_schema=_LINE,
    ),
]
Code = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        description="The code, unique within its scheme.",
        examples=["23.41"],
        extra_json_schema=_LINE,
    ),
]
Level = Annotated[
    int, Meta(ge=1, le=99, description="Depth in the classification; the top is level 1.")
]
Component = Annotated[
    float,
    Meta(
        extra_json_schema={
            "minimum": -SINGLE_MAX,
            "maximum": SINGLE_MAX,
            "not": {"minimum": -SINGLE_ZERO, "maximum": SINGLE_ZERO, "not": {"const": 0}},
        }
    ),
]
Embedding = Annotated[
    list[Component],
    Meta(
        min_length=EMBEDDING_LENGTH,
        max_length=EMBEDDING_LENGTH,
        description="The caller's vector: 384 finite single-precision numbers, not all zero. "
        "Write-only: the document shows embedding_sha256.",
        extra_json_schema={"contains": {"not": {"const": 0}}},
    ),
]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="Lower-case hexadecimal.")]
Version = Annotated[int, Meta(ge=1, description="1 at birth, one more with every change.")]
Reason = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=2_000,
        description="Why; kept in the history. Not blank.",
        examples=["Checked against the sources."],
        extra_json_schema=_PROSE,
    ),
]
Moment = Annotated[
    datetime,
    Meta(
        tz=True,
        description="RFC 3339, UTC, six fractional digits.",
        extra_json_schema={"pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$"},
    ),
]


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
    list[RequiredSkill],
    Meta(max_length=500, description="One entry per skill.", extra_json_schema=_UNIQUE),
]
RequiredSkillsShown = Annotated[
    list[RequiredSkillShown],
    Meta(max_length=500, description="One entry per skill.", extra_json_schema=_UNIQUE),
]
References = Annotated[
    list[Reference],
    Meta(max_length=50, description="Broader entities, no two equal.", extra_json_schema=_UNIQUE),
]
SkillReferences = Annotated[
    list[Reference],
    Meta(max_length=200, description="Its skills, no two equal.", extra_json_schema=_UNIQUE),
]
