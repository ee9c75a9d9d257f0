"""Lines to import, imports run as the service runs them, and what must hold after each."""

import json
import secrets
from collections.abc import AsyncIterator, Iterable
from typing import Any

import asyncpg
import msgspec
from msgspec import Struct

from service.repository.base import Context, Repository
from service.usecases.importing import Import
from service.usecases.outcomes import Reported
from tests.factories import Tenant

Line = dict[str, Any]


def line(kind: str, external_id: str, **fields: Any) -> Line:
    """Make a line that is complete for its kind; a field given as `...` is left out."""
    given: Line = {
        "kind": kind,
        "external_id": external_id,
        "name": f"{kind} {external_id}",
        "description": "What it is.",
    }
    if kind == "skill":
        given["category"] = "technical"
    if kind == "job_role":
        given["seniority_level"] = "mid"
    given |= fields
    return {name: value for name, value in given.items() if value is not ...}


def ref(external_id: str) -> dict[str, str]:
    """Refer to another entity."""
    return {"external_id": external_id}


def needs(*skills: str) -> list[dict[str, str]]:
    """Make the skills that a job role cannot do without."""
    return [{"external_id": skill, "relation": "essential"} for skill in skills]


def staff(role: str, industry: str, **fields: Any) -> Line:
    """Make what teams and agents share."""
    return {"job_role_id": ref(role), "industry_id": ref(industry), **fields}


def workshop() -> list[Line]:
    """Make lines of all kinds: two skills, a role, an industry, a team of two agents."""
    together = {"team_id": ref("hall"), "skill_ids": [ref("weld"), ref("cut")]}
    return [
        line("skill", "weld"),
        line("skill", "cut", parent_ids=[ref("weld")]),
        line("industry", "metal"),
        line("job_role", "welder", required_skills=needs("weld", "cut")),
        line("team", "hall", **staff("welder", "metal")),
        line("agent", "robot-1", **staff("welder", "metal", **together)),
        line("agent", "robot-2", **staff("welder", "metal", **together)),
    ]


def ndjson(lines: Iterable[Line | bytes]) -> bytes:
    """Write lines; bytes go in as they are."""
    encoded = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines]
    return b"".join(one + b"\n" for one in encoded)


class Outcome(Struct, frozen=True):
    """What an import reported of its lines, and of what no line was about."""

    lines: list[Reported]
    totals: dict[str, int]
    absent: list[Reported] = []

    def __getitem__(self, number: int) -> Reported:
        """Give what was reported for a line."""
        (found,) = [one for one in self.lines if one.line == number]
        return found

    @property
    def outcomes(self) -> list[str]:
        """Give the outcomes in the order of the lines."""
        return [one.outcome for one in sorted(self.lines, key=lambda one: one.line)]

    def reason(self, number: int) -> tuple[str, list[str]]:
        """Give problem type and pointers of a line that was rejected."""
        problem = self[number].problem
        assert self[number].outcome == "rejected"
        assert problem is not None
        faults = msgspec.to_builtins(problem.get("errors", ()))
        slug = str(problem["type"]).removeprefix("/docs/errors#")
        return slug, [fault["pointer"] for fault in faults]


def as_active(tenant: Tenant) -> Context:
    """Give the author's context with the certifier's key beside it."""
    key = tenant.certifier.context.key_id
    return msgspec.structs.replace(tenant.author.context, certifier_key_id=key)


async def imported(
    repository: Repository,
    tenant: Tenant,
    lines: Iterable[Line | bytes],
    *,
    active: bool = False,
    context: Context | None = None,
    **how: Any,
) -> Outcome:
    """Import as the author, with the certifier as second identity when active."""
    chosen = context or (as_active(tenant) if active else tenant.author.context)
    run = Import(repository, chosen, as_active=active, **how)
    found = [one async for part in run.run(fed(lines)) for one in part]
    told = [one for one in found if one.line]
    assert sorted({one.line for one in told}) == sorted(one.line for one in told)
    return Outcome(told, run.totals, [one for one in found if not one.line])


async def fed(lines: Iterable[Line | bytes]) -> AsyncIterator[bytes]:
    """Feed lines one by one."""
    for one in lines:
        yield ndjson([one])


STATE = """
SELECT
    base_entity.id, base_entity.entity_type, base_entity.external_id, base_entity.status,
    base_entity.version, base_entity.document::jsonb AS document,
    entries.operations, entries.actors, entries.keys
FROM app.base_entity
-- LATERAL: by their keys, also where the statistics are those of an empty table.
CROSS JOIN LATERAL (
    SELECT
        array_agg(entry.operation ORDER BY entry.version) AS operations,
        array_agg(entry.actor ORDER BY entry.version) AS actors,
        array_agg(entry.key ORDER BY entry.version) AS keys
    FROM audit.entry
    WHERE entry.tenant_id = base_entity.tenant_id AND entry.entity_id = base_entity.id
) AS entries
WHERE base_entity.tenant_id = $1
"""

UNFINISHED = """
SELECT 'staged' AS what, count(*) FROM app.import_line WHERE tenant_id = $1
UNION ALL
SELECT 'versions without an entry', count(*) FROM app.base_entity
WHERE tenant_id = $1 AND version <> (
    SELECT count(*) FROM audit.entry
    WHERE entry.tenant_id = base_entity.tenant_id AND entry.entity_id = base_entity.id)
UNION ALL
SELECT 'entries without a payload', count(*) FROM audit.entry
WHERE tenant_id = $1 AND NOT EXISTS (
    SELECT FROM audit.payload
    WHERE payload.tenant_id = entry.tenant_id AND payload.audit_id = entry.audit_id)
UNION ALL
SELECT 'documents unlike their rows', count(*) FROM app.base_entity
WHERE tenant_id = $1 AND document::jsonb <> app.entity_document(base_entity)::jsonb
UNION ALL
SELECT 'entities unlike their last entry', count(*) FROM app.base_entity
WHERE base_entity.tenant_id = $1
    AND document <> (SELECT body FROM audit.payload WHERE payload.audit_id = last_entry_id)
"""


class Entity(Struct, frozen=True):
    """An entity as the tables have it, with what the log says of each of its versions."""

    id: str
    status: str
    version: int
    document: dict[str, Any]
    operations: list[str]
    actors: list[str]
    keys: list[str]


async def state(superuser: asyncpg.Connection, tenant: Tenant) -> dict[str, Entity]:
    """Give the tenant's entities by external id, and make sure that nothing is half done."""
    found = await superuser.fetch(UNFINISHED, tenant.id)
    unfinished = {row["what"]: row["count"] for row in found}
    assert dict.fromkeys(unfinished, 0) == unfinished
    return {
        row["external_id"]: Entity(
            str(row["id"]),
            row["status"],
            row["version"],
            json.loads(row["document"]),
            row["operations"],
            row["actors"],
            row["keys"],
        )
        for row in await superuser.fetch(STATE, tenant.id)
    }


def many(count: int) -> list[Line]:
    """Make skills whose names nothing else has."""
    batch = secrets.token_hex(3)
    return [line("skill", f"{batch}-{number}") for number in range(count)]
