"""Compliance: which checks of sql/compliance are asked of an entity, by kind."""

from typing import Final
from uuid import UUID

from msgspec import Struct

from service.repository.base import Maybe


class Violation(Struct, frozen=True):
    """What does not meet a check, and the other entity it is about."""

    message: str
    entity_id: UUID | None


class Subject(Struct, frozen=True):
    """The entity that is asked about, and the time of the snapshot it is asked in."""

    id: UUID
    checked_at: str


class ComplianceSubject(Maybe[Subject], frozen=True):
    """Find the entity whose compliance is asked."""

    kind: str
    id: str


_OF_ALL: Final = ("L0-01", "L0-02", "L0-03", "L0-04", "L0-05")
_LINKED: Final = ("L1-PARENT-1", "L1-REF-1")

CHECKS: Final[dict[str, tuple[str, ...]]] = {
    "skill": (*_OF_ALL, "L1-SKILL-1", "L1-SKILL-2", *_LINKED),
    "job_role": (*_OF_ALL, "L1-ROLE-1", "L1-ROLE-2", "L1-ROLE-3", *_LINKED),
    "team": (*_OF_ALL, "L1-TEAM-1", "L1-TEAM-2", "L1-TEAM-3", *_LINKED),
    "agent": (*_OF_ALL, "L1-AGENT-1", "L1-AGENT-2", "L1-AGENT-3", *_LINKED),
    "industry": (*_OF_ALL, "L1-IND-1", "L1-IND-2", "L1-REF-1"),
}
"""The checks of each kind, in the order in which they are reported."""


def statement_of(check: str) -> str:
    """Name the statement file of a check."""
    return check.lower().replace("-", "_")


def check_statements() -> frozenset[str]:
    """Name the statement of every check."""
    return frozenset(statement_of(check) for checks in CHECKS.values() for check in checks)
