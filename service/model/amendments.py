"""What a client sends to step an amendment, and the document of an amendment of each kind.

A document is the entity's with the amendment merged in: `id` is the entity's, what stands from
`status` on is the amendment's own.
"""

from typing import Annotated, Final, Literal
from uuid import UUID

from msgspec import Meta, Struct

from service.model.documents import (
    AgentDocument,
    IndustryDocument,
    JobRoleDocument,
    SkillDocument,
    TeamDocument,
)
from service.model.fields import Reason

AmendmentStatus = Literal["draft", "under_review", "certified", "rejected", "withdrawn"]
BaseVersion = Annotated[
    int, Meta(ge=1, description="The version of the entity that the amendment is based on.")
]


class AmendmentStatusStep(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step of an amendment."""

    to: AmendmentStatus
    reason: Reason


class SkillAmendment(SkillDocument, frozen=True, kw_only=True):
    """A skill as it will be when the amendment is certified."""

    status: AmendmentStatus  # type: ignore[assignment]
    amendment_id: UUID
    base_version: BaseVersion


class JobRoleAmendment(JobRoleDocument, frozen=True, kw_only=True):
    """A job role as it will be when the amendment is certified."""

    status: AmendmentStatus  # type: ignore[assignment]
    amendment_id: UUID
    base_version: BaseVersion


class TeamAmendment(TeamDocument, frozen=True, kw_only=True):
    """A team as it will be when the amendment is certified."""

    status: AmendmentStatus  # type: ignore[assignment]
    amendment_id: UUID
    base_version: BaseVersion


class AgentAmendment(AgentDocument, frozen=True, kw_only=True):
    """An agent as it will be when the amendment is certified."""

    status: AmendmentStatus  # type: ignore[assignment]
    amendment_id: UUID
    base_version: BaseVersion


class IndustryAmendment(IndustryDocument, frozen=True, kw_only=True):
    """An industry as it will be when the amendment is certified."""

    status: AmendmentStatus  # type: ignore[assignment]
    amendment_id: UUID
    base_version: BaseVersion


AMENDMENT: Final[dict[str, type[Struct]]] = {
    "skill": SkillAmendment,
    "job_role": JobRoleAmendment,
    "team": TeamAmendment,
    "agent": AgentAmendment,
    "industry": IndustryAmendment,
}
"""The document of an amendment, by the entity's kind."""
