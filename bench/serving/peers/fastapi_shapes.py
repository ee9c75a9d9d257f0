"""What goes in and out, as Pydantic has it."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class SkillOut(BaseModel):
    """What goes out."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    entity_type: str
    external_id: str | None
    name: str
    description: str | None
    aliases: list[str]
    tags: list[str]
    custom_attributes: dict[str, Any]
    governance_notes: str | None
    parent_ids: list[UUID]
    category: str
    embedding_sha256: str | None
    status: str
    version: int
    created_at: datetime
    updated_at: datetime
    governance_agent_id: UUID


class Page(BaseModel):
    """A page of a list."""

    items: list[SkillOut]
    next_cursor: UUID | None


class Found(BaseModel):
    """What was asked for by ids."""

    items: list[SkillOut]
    missing: list[UUID]


class SkillIn(BaseModel):
    """What comes in."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=255)]
    description: Annotated[str, Field(min_length=1, max_length=10_000)]
    category: Annotated[
        str, Field(pattern="^(technical|soft_skill|domain_expertise|certification)$")
    ]
    external_id: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    aliases: Annotated[list[str], Field(max_length=200)] = []
    tags: Annotated[list[str], Field(max_length=50)] = []
    custom_attributes: dict[str, Any] = {}
    governance_notes: Annotated[str, Field(max_length=10_000)] | None = None


class Hit(BaseModel):
    """A skill, and how near it is."""

    entity: SkillOut
    score: float


class Hits(BaseModel):
    """What is near, the nearest first."""

    items: list[Hit]


class Look(BaseModel):
    """What is looked for: the nearest to a vector."""

    model_config = ConfigDict(extra="forbid")

    embedding_384: Annotated[list[float], Field(min_length=384, max_length=384)]
    kinds: Annotated[list[str], Field(min_length=1, max_length=5)]
    model: Literal["caller"] = "caller"
    limit: Annotated[int, Field(ge=1, le=200)] = 10


class Step(BaseModel):
    """A step of the life cycle."""

    model_config = ConfigDict(extra="forbid")

    to: Literal["draft", "under_review", "certified", "active", "deprecated", "archived"]
    reason: Annotated[str, Field(min_length=1, max_length=2_000)]


class Notes(BaseModel):
    """A change of what may change in any state."""

    model_config = ConfigDict(extra="forbid")

    governance_notes: Annotated[str, Field(max_length=10_000)] | None
