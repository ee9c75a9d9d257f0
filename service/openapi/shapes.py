"""Answers that the handlers join from documents or from rows, as structs of their own."""

from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from service.model.documents import (
    AgentDocument,
    IndustryDocument,
    JobRoleDocument,
    SkillDocument,
    TeamDocument,
)
from service.model.fields import EntityType, Moment, Sha256, Status, Version

Count = Annotated[int, Meta(ge=0)]
ProblemMembers = Annotated[Any, Meta(extra_json_schema={"$ref": "#/components/schemas/Problem"})]
Cursor = Annotated[
    str | None, Meta(description="What `cursor` takes for the next page; null on the last one.")
]


class SkillPage(Struct):
    """A page of skills."""

    items: list[SkillDocument]
    next_cursor: Cursor


class JobRolePage(Struct):
    """A page of job roles."""

    items: list[JobRoleDocument]
    next_cursor: Cursor


class TeamPage(Struct):
    """A page of teams."""

    items: list[TeamDocument]
    next_cursor: Cursor


class AgentPage(Struct):
    """A page of agents."""

    items: list[AgentDocument]
    next_cursor: Cursor


class IndustryPage(Struct):
    """A page of industries."""

    items: list[IndustryDocument]
    next_cursor: Cursor


AnyDocument = Annotated[
    Any,
    Meta(
        extra_json_schema={
            "oneOf": [
                {"$ref": f"#/components/schemas/{name}Document"}
                for name in ("Skill", "JobRole", "Team", "Agent", "Industry")
            ],
            "discriminator": {
                "propertyName": "entity_type",
                "mapping": {
                    "skill": "#/components/schemas/SkillDocument",
                    "job_role": "#/components/schemas/JobRoleDocument",
                    "team": "#/components/schemas/TeamDocument",
                    "agent": "#/components/schemas/AgentDocument",
                    "industry": "#/components/schemas/IndustryDocument",
                },
            },
        }
    ),
]


class Entities(Struct):
    """Entities by their ids, in the order of the ids, and the ids that you cannot see."""

    items: list[AnyDocument]
    missing: list[UUID]


class Named(Struct):
    """Something that has an id and a name."""

    id: UUID
    name: str


class KeyShown(Struct):
    """A key without the key; `last_used_at` is kept to the minute."""

    id: UUID
    expires_at: Moment | None
    last_used_at: Moment | None


class RateLimitShown(Struct):
    """How often this key may ask, and what is left of it."""

    requests: Count
    window_s: Count
    remaining: Count


class Me(Struct):
    """Whose key this is and what it may do."""

    tenant: Named
    governance_agent: Named
    key: KeyShown
    scopes: list[Literal["read", "write", "certify", "audit", "admin"]]
    rate_limit: RateLimitShown | None


class Alive(Struct):
    """That the process answers."""

    status: Literal["ok"]


class ImportOutcome(Struct, kw_only=True):
    """What became of one line, or of an entity that no line was about."""

    line: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    outcome: Literal["created", "amended", "unchanged", "rejected", "absent", "archived", "kept"]
    id: UUID | None
    external_id: str | UnsetType = UNSET
    amendment: str | UnsetType = UNSET
    problem: ProblemMembers | UnsetType = UNSET


class ImportCounts(Struct):
    """How many lines had each outcome."""

    created: Count
    amended: Count
    unchanged: Count
    rejected: Count
    absent: Count | UnsetType = UNSET
    archived: Count | UnsetType = UNSET
    kept: Count | UnsetType = UNSET


class ImportTotals(Struct):
    """The last line of an import that came to its end."""

    totals: ImportCounts


class ImportEnded(Struct):
    """The last line of an import that did not: what was reported before it is done."""

    problem: ProblemMembers


class Dependent(Struct):
    """An entity in force that depends on the one in question."""

    id: UUID
    entity_type: EntityType
    name: str
    status: Status
    relation: str


class GovernanceAndKey(Struct):
    """A governance agent and the key that it used."""

    governance_agent_id: UUID
    key_id: UUID


class VersionShown(Struct):
    """One version of an entity: which entry of the log wrote it, and who."""

    version: Version
    operation: str
    status: Annotated[
        Status | None,
        Meta(description="Null once the content of the version was erased or pruned."),
    ]
    at: Moment
    governance_agent_id: UUID
    key_id: UUID
    certified_by: GovernanceAndKey | None
    audit_id: UUID
    entry_hash: Sha256


class VersionPage(Struct):
    """A page of versions."""

    items: list[VersionShown]
    next_cursor: Cursor


class PatchOperation(Struct):
    """One operation of a JSON Patch."""

    op: Literal["add", "remove", "replace"]
    path: Annotated[str, Meta(description="A JSON pointer (RFC 6901).")]
    value: Any | UnsetType = UNSET


class DifferenceShown(Struct, rename={"before": "from", "after": "to"}):
    """What turns one version into another (RFC 6902)."""

    before: Version
    after: Version
    patch: list[PatchOperation]


PAGES = {
    "skill": SkillPage,
    "job_role": JobRolePage,
    "team": TeamPage,
    "agent": AgentPage,
    "industry": IndustryPage,
}
"""The page of each kind, by the kind's name."""
