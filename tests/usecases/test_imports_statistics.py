"""What an import counts: by how often each table was analysed, never by the time it takes."""

import asyncpg

from service.repository.base import Repository
from service.usecases.importing import LARGE
from tests.factories import Tenant
from tests.imports import imported, line, many, needs

FILLED = ("base_entity", "skill_entity", "job_role_entity", "entity_parent", "job_role_skill")
COUNTS = """
SELECT relname::text AS name, analyze_count AS times FROM pg_stat_user_tables
WHERE schemaname IN ('app', 'audit')
"""
KNOWN = "SELECT reltuples FROM pg_class WHERE oid = $1::text::regclass"


async def counts(superuser: asyncpg.Connection) -> dict[str, int]:
    """Give how often each table was analysed by a command."""
    return {row["name"]: row["times"] for row in await superuser.fetch(COUNTS)}


async def counted(superuser: asyncpg.Connection, before: dict[str, int]) -> dict[str, int]:
    """Give how often each table was analysed since, where it was."""
    now = await counts(superuser)
    return {name: now[name] - before[name] for name in now if now[name] != before[name]}


async def test_tables_are_counted_as_they_outgrow_what_is_known_of_them(
    repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
) -> None:
    """From empty, what the kinds of the import fill; into what was counted, its lines alone."""
    # The import's alone to count: it passes over a table that autovacuum is just at.
    for name in ("import_line", *FILLED):
        await superuser.execute(f"ALTER TABLE app.{name} SET (autovacuum_enabled = FALSE)")
    await superuser.execute("VACUUM ANALYZE app.base_entity, app.skill_entity, app.job_role_skill")
    before = await counts(superuser)
    skills = many(2 * LARGE)
    ids = [one["external_id"] for one in skills]
    roles = [
        line("job_role", f"r{number}", required_skills=needs(*ids[number : number + 20]))
        for number in range(LARGE + 1)
    ]

    found = await imported(repository, tenant, skills + roles)

    assert 3 * LARGE + 1 == found.totals["created"]
    seen = await counted(superuser, before)
    # A thousand job roles are a few pages, which any plan reads at once.
    assert {"import_line", "base_entity", "skill_entity", "job_role_skill"} == set(seen)
    assert 1 == seen.pop("import_line")
    # Only when it has more than doubled, not for each of the seven chunks.
    assert max(seen.values()) <= 4
    for name, there in (("base_entity", 3 * LARGE), ("job_role_skill", 20 * LARGE)):
        assert there / 4 <= await superuser.fetchval(KNOWN, f"app.{name}")

    for lines in (1, LARGE, LARGE + 1):
        before = await counts(superuser)
        found = await imported(repository, tenant, many(lines))
        assert lines == found.totals["created"]
        assert {"import_line": 1} == await counted(superuser, before)
