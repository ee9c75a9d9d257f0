"""The shapes of import lines, one struct per kind, and the bounds they keep.

A field that is UNSET does not stand in the line, and an import leaves it as it is.
"""

from msgspec import UNSET, Struct, UnsetType
from msgspec.json import Encoder

NAME_CHARACTERS_MAX = 255
DESCRIPTION_CHARACTERS_MAX = 10_000
ALIASES_MAX = 200
PARENTS_MAX = 50
REQUIRED_SKILLS_MAX = 500
CUSTOM_ATTRIBUTES_BYTES_MAX = 32 * 1024

# Keys keep the order in which they were put: equal input gives equal bytes.
ENCODER = Encoder()


class Reference(Struct, frozen=True, kw_only=True):
    """Name another entity by the caller's own id; which kind is meant follows from the field."""

    external_id: str


class RequiredSkill(Struct, frozen=True, kw_only=True):
    """Say that a job role needs a skill, and how much."""

    external_id: str
    relation: str


class Line(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """Hold what lines of every kind have in common."""

    external_id: str
    name: str
    description: str | UnsetType | None = UNSET
    aliases: list[str] | UnsetType = UNSET
    tags: list[str] | UnsetType = UNSET
    custom_attributes: dict[str, object] | UnsetType = UNSET
    governance_notes: str | UnsetType = UNSET
    parent_ids: list[Reference] | UnsetType = UNSET


class SkillLine(Line, frozen=True, kw_only=True, tag="skill"):
    """Describe one skill."""

    category: str


class JobRoleLine(Line, frozen=True, kw_only=True, tag="job_role"):
    """Describe one job role and the skills it needs."""

    seniority_level: str | UnsetType = UNSET
    industry_id: Reference | UnsetType = UNSET
    required_skills: list[RequiredSkill] | UnsetType = UNSET


class TeamLine(Line, frozen=True, kw_only=True, tag="team"):
    """Describe one team; its members are the agents that name it."""

    job_role_id: Reference | UnsetType = UNSET
    industry_id: Reference | UnsetType = UNSET


class AgentLine(Line, frozen=True, kw_only=True, tag="agent"):
    """Describe one agent and the skills it has."""

    job_role_id: Reference | UnsetType = UNSET
    industry_id: Reference | UnsetType = UNSET
    team_id: Reference | UnsetType = UNSET
    skill_ids: list[Reference] | UnsetType = UNSET


class IndustryLine(Line, frozen=True, kw_only=True, tag="industry"):
    """Describe one node of an industry classification."""

    scheme: str | UnsetType = UNSET
    code: str | UnsetType = UNSET
    level: int | UnsetType = UNSET
