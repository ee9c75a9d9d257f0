"""Entities of all five kinds: the structs of sql/entity and sql/<kind>."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from msgspec import Struct

from service.repository.base import ANSWER_BYTES, Many, Maybe, One


class Document(Struct, frozen=True):
    """The bytes that are served, and their entity tag without quotes."""

    document: str
    etag: str


class Found(Struct, frozen=True):
    """The id of an entity."""

    id: UUID


class Written(Struct, frozen=True):
    """What a write answers with; replayed: it was done by an earlier request of the same key.

    `audit_id`, `entry_hash`: of the entry that it left; None where all was so already.
    """

    id: UUID
    version: int
    document: str
    etag: str
    audit_id: UUID | None
    entry_hash: bytes | None
    status: int
    replayed: bool


class ListedById(Struct, frozen=True):
    """One entity of any kind; no document where the answer has no room for it."""

    id: UUID
    document: str | None


class EntityById(Maybe[Document], frozen=True):
    """Find one entity that the caller may see."""

    effect = "short"

    kind: str
    id: str


class EntitiesById(Many[ListedById], frozen=True):
    """Find entities of any kind."""

    effect = "short"
    bytes_max = ANSWER_BYTES

    ids: Sequence[str]


class EntityIdByName(Maybe[Found], frozen=True):
    """Find who holds a name."""

    kind: str
    name: str
    scope: str | None


class EntityIdByExternalId(Maybe[Found], frozen=True):
    """Find who holds an external id."""

    kind: str
    external_id: str


class IndustryIdByCode(Maybe[Found], frozen=True):
    """Find who holds a code of a scheme."""

    scheme: str
    code: str


class SkillCreate(One[Written], frozen=True):
    """Create a skill."""

    effect = "creation"

    body: str
    request: str | None = None


class JobRoleCreate(One[Written], frozen=True):
    """Create a job role."""

    effect = "creation"

    body: str
    request: str | None = None


class TeamCreate(One[Written], frozen=True):
    """Create a team."""

    effect = "creation"

    body: str
    request: str | None = None


class AgentCreate(One[Written], frozen=True):
    """Create an agent. It locks its team, so it goes alone."""

    body: str
    request: str | None = None


class IndustryCreate(One[Written], frozen=True):
    """Create an industry."""

    effect = "creation"

    body: str
    request: str | None = None


class SkillAmend(One[Written], frozen=True):
    """Change a skill."""

    id: str
    etags: str | None
    patch: str
    request: str | None = None


class JobRoleAmend(One[Written], frozen=True):
    """Change a job role."""

    id: str
    etags: str | None
    patch: str
    request: str | None = None


class TeamAmend(One[Written], frozen=True):
    """Change a team."""

    id: str
    etags: str | None
    patch: str
    request: str | None = None


class AgentAmend(One[Written], frozen=True):
    """Change an agent."""

    id: str
    etags: str | None
    patch: str
    request: str | None = None


class IndustryAmend(One[Written], frozen=True):
    """Change an industry."""

    id: str
    etags: str | None
    patch: str
    request: str | None = None


class EntityStep(One[Written], frozen=True):
    """Take one life-cycle step."""

    kind: str
    id: str
    etags: str | None
    to_status: str
    reason: str
    successor_id: str | None
    request: str | None = None


class EntityLink(One[Written], frozen=True):
    """Make or remove one link."""

    kind: str
    id: str
    etags: str | None
    target_kind: str
    target_id: str
    link: str
    request: str | None = None


class EntityByExternalId(Maybe[Document], frozen=True):
    """Find one entity that the caller may see by the caller's own id."""

    kind: str
    external_id: str


class EntityPut(One[Written], frozen=True):
    """Create what has an external id, or make it what is sent."""

    kind: str
    external_id: str
    etags: str | None
    is_new: bool
    body: str
    request: str | None = None


CREATE: Final = {
    "skill": SkillCreate,
    "job_role": JobRoleCreate,
    "team": TeamCreate,
    "agent": AgentCreate,
    "industry": IndustryCreate,
}
AMEND: Final = {
    "skill": SkillAmend,
    "job_role": JobRoleAmend,
    "team": TeamAmend,
    "agent": AgentAmend,
    "industry": IndustryAmend,
}
