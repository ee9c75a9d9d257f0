"""Compliance of one entity: every check of its kind, from facts, in one snapshot."""

from msgspec import Struct

from service.repository.base import Context, Repository
from service.repository.compliance import CHECKS, ComplianceSubject, Violation, statement_of


class Check(Struct, frozen=True):
    """One check with its verdict."""

    id: str
    passed: bool
    violations: list[Violation]


class Compliance(Struct, frozen=True):
    """The verdict on an entity; `checked_at` is the time of the snapshot (RFC 3339, UTC)."""

    compliant: bool
    checked_at: str
    checks: list[Check]


async def compliance(
    repository: Repository, context: Context, kind: str, identity: str
) -> Compliance | None:
    """Ask every check of a kind about one entity; none when the caller sees no such entity.

    That takes long, as a search does, and its tenant's turn.

    Raises: Unavailable, and what the server raises.
    """
    async with (
        repository.searches.connection(context.tenant_id) as lent,
        repository.reads.transaction(isolation="repeatable_read", held=lent) as connection,
    ):
        subject = await repository.maybe(
            ComplianceSubject(kind, identity), context, connection=connection
        )
        if subject is None:
            return None
        checks = []
        for check in CHECKS[kind]:
            violations = await repository.page(
                statement_of(check), Violation, (subject.id,), context, connection=connection
            )
            checks.append(Check(check, not violations, violations))
    return Compliance(all(check.passed for check in checks), subject.checked_at, checks)
