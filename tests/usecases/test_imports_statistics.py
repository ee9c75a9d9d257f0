"""What an import counts: by how often each table was analysed, never by the time it takes."""

from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio

from service.repository.base import Repository
from service.usecases.importing import LARGE
from tests.factories import Tenant
from tests.imports import imported, line, many, needs
from tests.postgres import Server
from tests.sessions import Connect, connections

FILLED = (
    "base_entity", "skill_entity", "job_role_entity", "entity_parent", "entity_tag",
    "job_role_skill",
)  # fmt: skip
COUNTS = """
SELECT relname::text AS name, analyze_count AS times FROM pg_stat_user_tables
WHERE schemaname IN ('app', 'audit')
"""
KNOWN = "SELECT reltuples FROM pg_class WHERE oid = $1::text::regclass"


@pytest_asyncio.fixture(loop_scope="module")
async def connect(cluster: Server, database: str) -> AsyncIterator[Connect]:
    """Have sessions of one's own."""
    async with connections(cluster, database) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def unwatched(superuser: asyncpg.Connection) -> None:
    """Leave the counting to imports: they pass over a table that autovacuum is just at."""
    for name in ("import_line", *FILLED):
        await superuser.execute(f"ALTER TABLE app.{name} SET (autovacuum_enabled = FALSE)")


async def counts(superuser: asyncpg.Connection) -> dict[str, int]:
    """Give how often each table was analysed by a command."""
    return {row["name"]: row["times"] for row in await superuser.fetch(COUNTS)}


async def counted(superuser: asyncpg.Connection, before: dict[str, int]) -> dict[str, int]:
    """Give how often each table was analysed since, where it was."""
    now = await counts(superuser)
    return {name: now[name] - before[name] for name in now if now[name] != before[name]}


async def test_tables_are_counted_as_they_outgrow_what_is_known_of_them(
    repository: Repository, tenant: Tenant, superuser: asyncpg.Connection, connect: Connect
) -> None:
    """From empty, what the kinds of the import fill; into what was counted, its lines alone."""
    await superuser.execute(
        "VACUUM ANALYZE app.base_entity, app.entity_tag, app.skill_entity, app.job_role_skill"
    )
    before = await counts(superuser)
    skills = [one | {"tags": ["a", "b", "c"]} for one in many(2 * LARGE)]
    ids = [one["external_id"] for one in skills]
    roles = [
        line("job_role", f"r{number}", required_skills=needs(*ids[number : number + 20]))
        for number in range(LARGE + 1)
    ]

    found = await imported(repository, tenant, skills + roles)

    assert 3 * LARGE + 1 == found.totals["created"]
    seen = await counted(superuser, before)
    # A thousand job roles are a few pages, which any plan reads at once.
    assert {
        "import_line", "base_entity", "entity_tag", "skill_entity", "job_role_skill"
    } == set(seen)  # fmt: skip
    assert 1 == seen.pop("import_line")
    # Only when it has more than doubled, not for each of the seven chunks.
    assert max(seen.values()) <= 4
    for name, there in (
        ("base_entity", 3 * LARGE), ("entity_tag", 6 * LARGE), ("job_role_skill", 20 * LARGE)
    ):  # fmt: skip
        assert there / 4 <= await superuser.fetchval(KNOWN, f"app.{name}")

    for lines in (1, LARGE, LARGE + 1):
        before = await counts(superuser)
        found = await imported(repository, tenant, many(lines))
        assert lines == found.totals["created"]
        assert {"import_line": 1} == await counted(superuser, before)

    for forgotten in (["base_entity", "skill_entity"], ["skill_entity"], []):
        await superuser.execute(
            "SELECT pg_clear_relation_stats('app', name) FROM unnest($1::text[]) AS name",
            forgotten,
        )
        before = await counts(superuser)
        said = await (await connect()).fetchval("SELECT app.import_analyse_kind('skill')")
        assert (said, forgotten) == (len(forgotten), sorted(await counted(superuser, before)))


async def test_the_release_before_counts_by_its_own_call(
    superuser: asyncpg.Connection, connect: Connect
) -> None:
    """Its servers have no right to the tables either, and are replaced one by one."""
    before = await counts(superuser)

    await (await connect()).execute("SELECT app.import_analyse()")

    seen = await counted(superuser, before)
    assert {"import_line", "base_entity", "skill_entity"} <= set(seen)
