"""Entities as they are now, against the last entry of each one's log and against their rows."""

from collections.abc import AsyncIterator, Callable
from typing import Final
from uuid import UUID

from service.repository.verify import (
    VerifyAgents,
    VerifyAmendments,
    VerifyCurrent,
    VerifyIndustries,
    VerifyJobRoles,
    VerifyLost,
    VerifySkills,
    VerifyStrayLinks,
    VerifyStrays,
    VerifyTeams,
)
from service.repository.verify_rows import Current, OfKind, Page
from service.verify.damage import Place, found
from service.verify.log import place_of
from service.verify.question import NO_ID, Question
from service.verify.reader import PAGE, Reader
from service.verify.verdict import FINDINGS_MAX

KINDS: Final[dict[str, type[OfKind]]] = {
    "industry": VerifyIndustries,
    "skill": VerifySkills,
    "job_role": VerifyJobRoles,
    "team": VerifyTeams,
    "agent": VerifyAgents,
}

FAULTS: Final[dict[str, tuple[str, str]]] = {
    "unlogged": ("unlogged", "It has no entry in the log."),
    "kind": ("state", "The log has another kind for it."),
    "version": ("state", "It has another version than the last entry of its log."),
    "entry": ("state", "It names another entry than the last one of its log."),
    "hash": ("state", "It has another hash than the last entry of its log."),
    "document": ("state", "What is served is not the document of the last entry of its log."),
    "time": ("state", "It has other times than the last entry of its log."),
    "rows": ("rows", "Its columns do not say what its document says."),
}
"""What the statements call what they find: the kind of damage, and the words for it."""


async def examine_state(reader: Reader, question: Question) -> None:
    """Look at every entity and amendment."""
    kinds: set[tuple[UUID, str]] = set()
    with reader.stage("entities", "verifying entities") as count:
        for first in (VerifyCurrent, VerifyAmendments):
            async for rows in _pages(reader, question, first):
                for row in rows:
                    kinds.add((row.tenant_id, row.kind))
                    if row.fault is not None:
                        damage, message = FAULTS[row.fault]
                        reader.verdict.add(found(damage, _place(row), message))
                count(len(rows))
    with reader.stage("renderings", "verifying rows") as count:
        for tenant, kind in sorted(kinds):
            if kind in KINDS:
                await _examine_rows(reader, str(tenant), kind, count)
    await _find_strays(reader, question)


def _pages(reader: Reader, question: Question, query: type[Page]) -> AsyncIterator[list[Current]]:
    last = question.last_tenant
    return reader.pages(
        query(question.first_tenant, NO_ID, last, PAGE),
        lambda row: query(str(row.tenant_id), str(row.id), last, PAGE),
    )


async def _examine_rows(
    reader: Reader, tenant: str, kind: str, count: Callable[[int], None]
) -> None:
    query = KINDS[kind]
    async for rows in reader.pages(
        query(tenant, NO_ID, PAGE), lambda row: query(tenant, str(row.id), PAGE)
    ):
        for row in rows:
            if not row.matches:
                place = Place(tenant=tenant, kind=kind, entity=str(row.id), version=row.version)
                reader.verdict.add(found("rows", place))
        count(len(rows))


async def _find_strays(reader: Reader, question: Question) -> None:
    for query in (VerifyLost, VerifyStrays, VerifyStrayLinks):
        asked = query(question.first_tenant, question.last_tenant, FINDINGS_MAX)
        for row in await reader.many(asked):
            if row.fault == "lost":
                reader.verdict.add(found("lost", place_of(row)))
            else:
                message = f"A row of app.{row.fault} belongs to no entity of its kind."
                reader.verdict.add(found("stray", place_of(row), message))


def _place(row: Current) -> Place:
    return Place(tenant=str(row.tenant_id), kind=row.kind, entity=str(row.id), version=row.version)
