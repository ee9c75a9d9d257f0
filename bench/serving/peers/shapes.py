"""What goes in and out, as msgspec has it."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta, Raw, Struct

Line = Annotated[str, Meta(min_length=1, max_length=255)]
Tag = Annotated[str, Meta(min_length=1, max_length=64)]
Note = Annotated[str, Meta(max_length=10_000)]


class Skill(Struct):
    """What goes out; attributes as the server wrote them."""

    id: UUID
    entity_type: str
    external_id: str | None
    name: str
    description: str | None
    aliases: list[str]
    tags: list[str]
    custom_attributes: Raw
    governance_notes: str | None
    parent_ids: list[UUID]
    category: str
    embedding_sha256: str | None
    status: str
    version: int
    created_at: datetime
    updated_at: datetime
    governance_agent_id: UUID


class Page(Struct):
    """A page of a list."""

    items: list[Skill]
    next_cursor: UUID | None


class Found(Struct):
    """What was asked for by ids."""

    items: list[Skill]
    missing: list[UUID]


class Hit(Struct):
    """A skill, and how near it is."""

    entity: Skill
    score: float


class Hits(Struct):
    """What is near, the nearest first."""

    items: list[Hit]


class SkillIn(Struct, forbid_unknown_fields=True):
    """What comes in."""

    name: Line
    description: Annotated[str, Meta(min_length=1, max_length=10_000)]
    category: Literal["technical", "soft_skill", "domain_expertise", "certification"]
    external_id: Line | None = None
    aliases: Annotated[list[Line], Meta(max_length=200)] = []
    tags: Annotated[list[Tag], Meta(max_length=50)] = []
    custom_attributes: dict[str, Any] = {}
    governance_notes: Note | None = None


class Notes(Struct, forbid_unknown_fields=True):
    """A change of what may change in any state."""

    governance_notes: Note | None


class Step(Struct, forbid_unknown_fields=True):
    """A step of the life cycle."""

    to: Literal["draft", "under_review", "certified", "active", "deprecated", "archived"]
    reason: Annotated[str, Meta(min_length=1, max_length=2_000)]


class Look(Struct, forbid_unknown_fields=True):
    """What is looked for: the nearest to a vector."""

    embedding_384: Annotated[list[float], Meta(min_length=384, max_length=384)]
    kinds: Annotated[list[str], Meta(min_length=1, max_length=5)]
    model: Literal["caller"] = "caller"
    limit: Annotated[int, Meta(ge=1, le=200)] = 10


class Who(Struct, frozen=True):
    """Who asks."""

    tenant: str
    agent: str
    key: str
