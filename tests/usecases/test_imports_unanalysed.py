"""Arranging an import takes its lines once, and a chunk takes its own, whatever is counted."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from service.repository.base import Repository
from tests.factories import Tenant, make_tenant
from tests.imports import Line, as_active, imported, line, needs, ref, staff
from tests.postgres import Server
from tests.sessions import become

EXPLAIN = """
LOAD 'auto_explain';
SET auto_explain.log_min_duration = 0;
SET auto_explain.log_nested_statements = on;
SET auto_explain.log_analyze = on;
SET auto_explain.log_timing = off;
SET auto_explain.log_format = json;
SET auto_explain.log_level = notice;
"""
STAGE = "SELECT app.import_stage(app.tenant_id(), $1)"
ANALYSE = "SELECT app.import_analyse_lines()"
ARRANGE = "SELECT chunk, kind, lines FROM app.import_arrange(app.tenant_id(), TRUE)"
APPLY = "SELECT outcome FROM app.import_apply(app.tenant_id(), $1, FALSE, FALSE)"
COUNTED = "SELECT analyze_count FROM pg_stat_user_tables WHERE relname = 'import_line'"
ROWS = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter",
        "Rows Removed by Index Recheck")  # fmt: skip


def of_all_sorts(count: int) -> list[Line]:
    """Make lines that hang together in every way that arranging looks at."""
    part = count // 5
    above = [[ref(f"new{(n - 1) // 4}")] if n else [] for n in range(part)]
    lines = [line("skill", f"old{n}", name=f"Step {n + 1}", parent_ids=[ref(f"old{n // 3}")])
             for n in range(1, part)]  # fmt: skip
    lines += [line("skill", f"new{n}", parent_ids=above[n]) for n in range(part)]
    lines += [line("skill", f"new{n}") for n in range(part)]  # each a second time
    team = [{"team_id": ref(f"t{n // 5}")} for n in range(part)]
    lines += [line("agent", f"a{n}", **staff("r", "i"), **team[n]) for n in range(part)]
    lines += [line("team", f"t{n}", **staff("r", "i")) for n in range(part // 5)]
    lines += [line("job_role", f"r{n}", required_skills=needs("new1")) for n in range(part // 2)]
    return lines


@pytest_asyncio.fixture(
    loop_scope="module", params=["while it was empty", "full of another tenant's lines"]
)
async def stale(
    request: pytest.FixtureRequest, superuser: asyncpg.Connection, owner: Repository
) -> AsyncIterator[None]:
    """Have statistics of staged lines that know nothing of an import, and keep them."""
    await superuser.execute("ALTER TABLE app.import_line SET (autovacuum_enabled = FALSE)")
    await superuser.execute("TRUNCATE app.import_line")
    if request.param != "while it was empty":
        async with superuser.transaction():
            await become(superuser, (await make_tenant(owner)).author)
            await superuser.execute(STAGE, staged([line("skill", f"x{n}") for n in range(20_000)]))
    await superuser.execute("VACUUM ANALYZE app.import_line")
    yield
    await superuser.execute("TRUNCATE app.import_line")


def staged(lines: list[Line]) -> str:
    """Write lines as they are staged."""
    return json.dumps([
        {"line": n, "kind": one["kind"], "external_id": one["external_id"], "body": one}
        for n, one in enumerate(lines)
    ])  # fmt: skip


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Walk over a plan."""
    yield node
    for below in node.get("Plans", ()):
        yield from nodes(below)


def handled(heard: list[str]) -> float:
    """Sum the rows that all plans have handled."""
    plans = [json.loads(text[text.index("{") :]) for text in heard if "Query Text" in text]
    return sum(
        float(node.get(name, 0) * node.get("Actual Loops", 0))
        for plan in plans
        for node in nodes(plan["Plan"])
        for name in ROWS
    )


async def rows(session: asyncpg.Connection, tenant: Tenant, lines: list[Line]) -> float:
    """Stage and arrange lines; tell how many rows all plans have handled for that."""
    heard: list[str] = []
    transaction = session.transaction()
    await transaction.start()
    await become(session, tenant.author)
    await session.execute(STAGE, staged(lines))
    await session.execute(ANALYSE)
    session.add_log_listener(lambda _, message: heard.append(message.message))
    arranged = await session.fetch(ARRANGE)
    await transaction.rollback()

    assert len(lines) == sum(chunk["lines"] for chunk in arranged)
    return handled(heard)


async def rows_of_chunks(
    session: asyncpg.Connection, tenant: Tenant, lines: list[Line]
) -> list[float]:
    """Import lines; tell how many rows all plans have handled for each chunk."""
    found = []
    transaction = session.transaction()
    await transaction.start()
    await become(session, tenant.author)
    await session.execute(STAGE, staged(lines))
    await session.execute(ANALYSE)
    for chunk in await session.fetch(ARRANGE.replace("TRUE", "FALSE")):
        heard: list[str] = []

        def hear(_: object, message: Any, heard: list[str] = heard) -> None:
            heard.append(message.message)

        session.add_log_listener(hear)
        assert {"created"} == {row["outcome"] for row in await session.fetch(APPLY, chunk["chunk"])}
        session.remove_log_listener(hear)
        found.append(handled(heard))
    await transaction.rollback()
    return found


@pytest.mark.usefixtures("stale")
async def test_lines_are_arranged_in_one_pass_where_they_could_not_be_counted(
    cluster: Server,
    database: str,
    repository: Repository,
    tenant: Tenant,
    superuser: asyncpg.Connection,
) -> None:
    """Four times the lines take four times the rows, while another keeps ANALYZE out."""
    await imported(
        repository,
        tenant,
        [line("skill", f"old{n}", name=f"Step {n}") for n in range(400)],
        context=as_active(tenant),
    )
    before = await superuser.fetchval(COUNTED)
    session = await asyncpg.connect(cluster.url("superuser", database))
    await session.execute(EXPLAIN)
    async with superuser.transaction():
        await superuser.execute("LOCK TABLE app.import_line IN SHARE UPDATE EXCLUSIVE MODE")

        few = await rows(session, tenant, of_all_sorts(500))
        many = await rows(session, tenant, of_all_sorts(2_000))
    await session.close()

    assert before == await superuser.fetchval(COUNTED)
    assert many <= 5 * few
    assert many <= 2_000 * 150


@pytest.mark.usefixtures("stale")
async def test_a_chunk_takes_as_much_in_a_long_import_as_in_a_short_one(
    cluster: Server,
    database: str,
    repository: Repository,
    tenant: Tenant,
    superuser: asyncpg.Connection,
) -> None:
    """Neither what is staged beside it is read, nor what the import has brought before it."""
    await imported(repository, tenant, [line("skill", f"one{n}") for n in range(50)])
    await superuser.execute("VACUUM ANALYZE app.base_entity")
    session = await asyncpg.connect(cluster.url("superuser", database))
    await session.execute(EXPLAIN)

    (alone,) = await rows_of_chunks(session, tenant, [line("skill", f"s{n}") for n in range(500)])
    lines = [line("skill", f"m{n}") for n in range(4_000)]
    among = await rows_of_chunks(session, tenant, lines)
    await session.close()

    assert 8 == len(among)
    assert max(among) <= 1.1 * alone
