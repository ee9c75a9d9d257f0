"""One line of an import: a kind, the caller's id, and the fields that are to be set.

Fields that are absent stay as they are, so everything else is UNSET by default. References are
objects, because a line may name what only comes later.
"""

from msgspec import UNSET, Struct, UnsetType

from service.model.fields import (
    Aliases,
    Category,
    Code,
    CustomAttributes,
    Description,
    Embedding,
    ExternalId,
    GovernanceNotes,
    Level,
    Name,
    Reference,
    References,
    RequiredSkills,
    Scheme,
    Seniority,
    SkillReferences,
    Tags,
)


class _Line(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    external_id: ExternalId
    name: Name | UnsetType = UNSET
    aliases: Aliases | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET
    custom_attributes: CustomAttributes | UnsetType = UNSET
    governance_notes: GovernanceNotes | UnsetType | None = UNSET
    parent_ids: References | UnsetType = UNSET


class SkillLine(_Line, frozen=True, kw_only=True, tag="skill"):
    """A skill to import."""

    description: Description | UnsetType = UNSET
    category: Category | UnsetType = UNSET
    embedding_384: Embedding | UnsetType | None = UNSET


class JobRoleLine(_Line, frozen=True, kw_only=True, tag="job_role"):
    """A job role to import."""

    description: Description | UnsetType = UNSET
    seniority_level: Seniority | UnsetType | None = UNSET
    industry_id: Reference | UnsetType | None = UNSET
    required_skills: RequiredSkills | UnsetType = UNSET


class TeamLine(_Line, frozen=True, kw_only=True, tag="team"):
    """A team to import."""

    description: Description | UnsetType = UNSET
    job_role_id: Reference | UnsetType = UNSET
    industry_id: Reference | UnsetType = UNSET


class AgentLine(_Line, frozen=True, kw_only=True, tag="agent"):
    """An agent to import."""

    description: Description | UnsetType = UNSET
    job_role_id: Reference | UnsetType = UNSET
    industry_id: Reference | UnsetType = UNSET
    team_id: Reference | UnsetType | None = UNSET
    skill_ids: SkillReferences | UnsetType = UNSET


class IndustryLine(_Line, frozen=True, kw_only=True, tag="industry"):
    """An industry to import."""

    description: Description | UnsetType | None = UNSET
    scheme: Scheme | UnsetType | None = UNSET
    code: Code | UnsetType | None = UNSET
    level: Level | UnsetType | None = UNSET
    embedding_384: Embedding | UnsetType | None = UNSET


Line = SkillLine | JobRoleLine | TeamLine | AgentLine | IndustryLine
"""What `decode.line` returns."""
