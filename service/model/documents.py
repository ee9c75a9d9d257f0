"""What a client sends to create or patch each kind, and the document that it reads.

Patch fields are all UNSET by default; null is taken only where the contract has null. Documents
list their fields in the order in which PostgreSQL renders them.
"""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, field

from service.model.fields import (
    Aliases,
    Category,
    Code,
    CustomAttributes,
    Description,
    Embedding,
    EntityId,
    EntityType,
    ExternalId,
    GovernanceAgentId,
    GovernanceNotes,
    IndustryId,
    JobRoleId,
    Level,
    Moment,
    Name,
    ParentIds,
    Reason,
    RequiredSkills,
    RequiredSkillsShown,
    Scheme,
    Seniority,
    Sha256,
    SkillIds,
    Status,
    SuccessorId,
    Tags,
    TeamId,
    Version,
)


class _Create(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name
    external_id: ExternalId | None = None
    aliases: Aliases = field(default_factory=list)
    tags: Tags = field(default_factory=list)
    custom_attributes: CustomAttributes = field(default_factory=dict[str, Any])
    governance_notes: GovernanceNotes | None = None
    parent_ids: ParentIds = field(default_factory=list)


class SkillCreate(_Create, frozen=True, kw_only=True):
    """A new skill."""

    description: Description
    category: Category
    embedding_384: Embedding | None = None


class JobRoleCreate(_Create, frozen=True, kw_only=True):
    """A new job role."""

    description: Description
    seniority_level: Seniority | None = None
    industry_id: IndustryId | None = None
    required_skills: RequiredSkills = field(default_factory=list)


class TeamCreate(_Create, frozen=True, kw_only=True):
    """A new team; its members are the agents whose team_id names it."""

    description: Description
    job_role_id: JobRoleId
    industry_id: IndustryId


class AgentCreate(_Create, frozen=True, kw_only=True):
    """A new agent."""

    description: Description
    job_role_id: JobRoleId
    industry_id: IndustryId
    team_id: TeamId | None = None
    skill_ids: SkillIds = field(default_factory=list)


class IndustryCreate(_Create, frozen=True, kw_only=True):
    """A new industry; scheme, code and level come together or not at all."""

    description: Description | None = None
    scheme: Scheme | None = None
    code: Code | None = None
    level: Level | None = None
    embedding_384: Embedding | None = None


class _Patch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name | UnsetType = UNSET
    external_id: ExternalId | UnsetType | None = UNSET
    aliases: Aliases | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET
    custom_attributes: CustomAttributes | UnsetType = UNSET
    governance_notes: GovernanceNotes | UnsetType | None = UNSET
    parent_ids: ParentIds | UnsetType = UNSET


class SkillPatch(_Patch, frozen=True, kw_only=True):
    """A change of a skill (JSON Merge Patch)."""

    description: Description | UnsetType = UNSET
    category: Category | UnsetType = UNSET
    embedding_384: Embedding | UnsetType | None = UNSET


class JobRolePatch(_Patch, frozen=True, kw_only=True):
    """A change of a job role (JSON Merge Patch)."""

    description: Description | UnsetType = UNSET
    seniority_level: Seniority | UnsetType | None = UNSET
    industry_id: IndustryId | UnsetType | None = UNSET
    required_skills: RequiredSkills | UnsetType = UNSET


class TeamPatch(_Patch, frozen=True, kw_only=True):
    """A change of a team (JSON Merge Patch)."""

    description: Description | UnsetType = UNSET
    job_role_id: JobRoleId | UnsetType = UNSET
    industry_id: IndustryId | UnsetType = UNSET


class AgentPatch(_Patch, frozen=True, kw_only=True):
    """A change of an agent (JSON Merge Patch); its industry never changes after birth."""

    description: Description | UnsetType = UNSET
    job_role_id: JobRoleId | UnsetType = UNSET
    industry_id: IndustryId | UnsetType = UNSET
    team_id: TeamId | UnsetType | None = UNSET
    skill_ids: SkillIds | UnsetType = UNSET


class IndustryPatch(_Patch, frozen=True, kw_only=True):
    """A change of an industry (JSON Merge Patch)."""

    description: Description | UnsetType | None = UNSET
    scheme: Scheme | UnsetType | None = UNSET
    code: Code | UnsetType | None = UNSET
    level: Level | UnsetType | None = UNSET
    embedding_384: Embedding | UnsetType | None = UNSET


class StatusStep(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step of the life cycle."""

    to: Status
    reason: Reason
    successor_id: SuccessorId | UnsetType | None = UNSET


class _Head(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: EntityId
    entity_type: EntityType
    external_id: ExternalId | None
    name: Name
    description: Description | None  # null for industries only; a kind that says so keeps the place
    aliases: Aliases
    tags: Tags
    custom_attributes: CustomAttributes
    governance_notes: GovernanceNotes | None
    parent_ids: ParentIds


class SkillDocument(_Head, frozen=True, kw_only=True):
    """A skill as it is served, hashed and logged."""

    entity_type: Literal["skill"]
    description: Description
    category: Category
    embedding_sha256: Sha256 | None
    status: Status
    version: Version
    created_at: Moment
    updated_at: Moment
    governance_agent_id: GovernanceAgentId


class JobRoleDocument(_Head, frozen=True, kw_only=True):
    """A job role as it is served, hashed and logged."""

    entity_type: Literal["job_role"]
    description: Description
    seniority_level: Seniority | None
    industry_id: IndustryId | None
    required_skills: RequiredSkillsShown
    status: Status
    version: Version
    created_at: Moment
    updated_at: Moment
    governance_agent_id: GovernanceAgentId


class TeamDocument(_Head, frozen=True, kw_only=True):
    """A team as it is served, hashed and logged."""

    entity_type: Literal["team"]
    description: Description
    job_role_id: JobRoleId
    industry_id: IndustryId
    status: Status
    version: Version
    created_at: Moment
    updated_at: Moment
    governance_agent_id: GovernanceAgentId


class AgentDocument(_Head, frozen=True, kw_only=True):
    """An agent as it is served, hashed and logged."""

    entity_type: Literal["agent"]
    description: Description
    job_role_id: JobRoleId
    industry_id: IndustryId
    team_id: TeamId | None
    skill_ids: SkillIds
    status: Status
    version: Version
    created_at: Moment
    updated_at: Moment
    governance_agent_id: GovernanceAgentId


class IndustryDocument(_Head, frozen=True, kw_only=True):
    """An industry as it is served, hashed and logged."""

    entity_type: Literal["industry"]
    scheme: Scheme | None
    code: Code | None
    level: Level | None
    embedding_sha256: Sha256 | None
    status: Status
    version: Version
    created_at: Moment
    updated_at: Moment
    governance_agent_id: GovernanceAgentId
