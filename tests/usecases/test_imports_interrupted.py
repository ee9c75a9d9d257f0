"""Imports that do not come to their end, and imports beside each other."""

from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from service.errors import Problem, Unavailable
from service.repository.base import Repository
from service.sqlstate import SLOW
from service.usecases import import_session
from service.usecases.import_session import IMPORTS_EACH, IMPORTS_MAX
from service.usecases.importing import Import
from service.usecases.outcomes import Reported
from tests.factories import Tenant, make_tenant
from tests.imports import fed, imported, line, many, ref, state
from tests.postgres import Server
from tests.sessions import acting, connections

STAGED = "SELECT count(*) FROM app.import_line WHERE tenant_id = $1"
END_IMPORTER = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND datname = current_database() AND pid IN (
    SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted
)
"""
OWN_LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"


async def taken(run: Import, lines: list[dict[str, object]], chunks: int) -> list[Reported]:
    """Import some chunks and give what was reported; the rest does not happen."""
    found: list[Reported] = []
    parts = run.run(fed(lines))
    for _ in range(chunks):
        found += await anext(parts)
    await parts.aclose()
    return found


async def test_closed_half_way(
    repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
) -> None:
    """What was reported is in, nothing else is, and the same lines again bring the rest."""
    lines = many(1200)
    reported = await taken(Import(repository, tenant.author.context, as_active=False), lines, 1)

    assert {one.external_id for one in reported} == {None}
    assert {str(one.id) for one in reported} == {
        one.id for one in (await state(superuser, tenant)).values()
    }
    again = await imported(repository, tenant, lines)
    assert (len(reported), 1200 - len(reported)) == (
        again.totals["unchanged"],
        again.totals["created"],
    )


async def test_what_is_applied_is_not_staged_any_more(
    repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
) -> None:
    """The lines of a chunk go with it: an import does not fill the disk twice."""
    parts = Import(repository, tenant.author.context, as_active=False).run(fed(many(1200)))
    reported = await anext(parts)
    staged = await superuser.fetchval(STAGED, tenant.id)
    await parts.aclose()

    assert 1200 - len(reported) == staged


async def test_the_server_ends_the_session(
    repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
) -> None:
    """The import stops with a problem; what its session left goes with the next import."""
    lines = many(1200)
    parts = Import(repository, tenant.author.context, as_active=False).run(fed(lines))
    reported = await anext(parts)
    await superuser.execute(END_IMPORTER)

    with pytest.raises(Problem, match=r".") as stopped:
        await anext(parts)

    assert stopped.value.status in {503, 504}
    assert 0 < await superuser.fetchval(STAGED, tenant.id)
    await imported(repository, tenant, [line("industry", "next")])
    now = await state(superuser, tenant)  # nothing is staged any more
    assert {str(one.id) for one in reported} < {one.id for one in now.values()}
    assert len(reported) + 1 == len(now)
    again = await imported(repository, tenant, lines)
    assert 1200 - len(reported) == again.totals["created"]


async def test_a_chunk_that_takes_too_long_is_ended_by_the_server(
    repository: Repository,
    tenant: Tenant,
    superuser: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing of it was done, and that is known: never 504, however often it happens."""
    await imported(repository, tenant, [line("skill", "a")])
    monkeypatch.setattr(import_session, "CHUNK_TIMEOUT_MS", 100)
    told = []
    async with superuser.transaction():
        await superuser.execute(
            "SELECT FROM app.base_entity WHERE tenant_id = $1 FOR UPDATE", tenant.id
        )
        for _ in range(5):
            with pytest.raises(Problem) as stopped:
                await imported(repository, tenant, [line("skill", "a", description="New.")])
            told.append((stopped.value.status, stopped.value.detail))

    assert [(503, SLOW)] * 5 == told
    assert 1 == (await state(superuser, tenant))["a"].version


async def test_staged_lines_that_vanish_are_an_error(
    repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
) -> None:
    """A crash empties the staging table: a chunk that is gone is never taken for done."""
    parts = Import(repository, tenant.author.context, as_active=False).run(fed(many(1200)))
    await anext(parts)
    await superuser.execute("DELETE FROM app.import_line WHERE tenant_id = $1", tenant.id)

    with pytest.raises(Unavailable, match="gone"):
        await anext(parts)


async def test_two_imports_of_one_agent_at_once(
    repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
) -> None:
    """One that begins while another runs takes no line from it."""
    slow = Import(repository, tenant.author.context, as_active=False)
    parts = slow.run(fed(many(1200)))
    await anext(parts)

    await imported(repository, tenant, [line("industry", "beside")])
    async for _ in parts:
        pass

    assert 1200 == slow.totals["created"]
    assert 1201 == len(await state(superuser, tenant))


async def test_the_same_lines_twice_at_once(
    repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
) -> None:
    """Chunk by chunk in turns: each entity is made once, by one or the other."""
    lines = many(1200)
    runs = [Import(repository, tenant.author.context, as_active=False) for _ in range(2)]
    first, second = (run.run(fed(lines)) for run in runs)
    for _ in range(3):
        await anext(first)
        await anext(second)
    for rest in (first, second):
        async for _ in rest:
            pass

    assert 1200 == sum(run.totals["created"] for run in runs)
    assert 1200 == sum(run.totals["unchanged"] for run in runs)
    assert 1200 == len(await state(superuser, tenant))


async def test_a_bounded_number_runs_at_once(
    repository: Repository, owner: Repository, tenant: Tenant, other_tenant: Tenant
) -> None:
    """One more is told to come again, and may when one has ended."""
    runs = [
        Import(repository, one.author.context, as_active=False).run(fed(many(600)))
        for one in (tenant, other_tenant)
        for _ in range(IMPORTS_MAX // 2)
    ]
    for run in runs:
        await anext(run)

    third = await make_tenant(owner)
    with pytest.raises(Unavailable, match=f"{IMPORTS_MAX} imports are running"):
        await imported(repository, third, many(1))
    await runs[0].aclose()
    assert ["created"] == (await imported(repository, third, many(1))).outcomes
    for run in runs[1:]:
        await run.aclose()
    assert {} == repository.imports


async def test_one_tenant_leaves_room_for_others(
    repository: Repository, tenant: Tenant, other_tenant: Tenant
) -> None:
    """Whoever has as many imports running as one tenant may keeps nobody else out."""
    runs = [
        Import(repository, tenant.author.context, as_active=False).run(fed(many(600)))
        for _ in range(IMPORTS_EACH)
    ]
    for run in runs:
        await anext(run)

    with pytest.raises(Unavailable, match="your tenant"):
        await imported(repository, tenant, many(1))
    assert ["created"] == (await imported(repository, other_tenant, many(1))).outcomes
    for run in runs:
        await run.aclose()
    assert ["created"] == (await imported(repository, tenant, many(1))).outcomes


async def test_an_import_that_begins_again_ends_once(
    cluster: Server, database: str, tenant: Tenant
) -> None:
    """Its session's lock outlives a transaction that failed: the second try takes no second one."""
    begin, end = "SELECT app.import_begin($1)", "SELECT app.import_end($1)"
    ids = [uuid4(), uuid4()]
    async with connections(cluster, database) as connect:
        session, counts = await connect(), []
        for statement, identity in (
            (begin, ids[0]),
            (begin, ids[1]),
            (begin, ids[0]),
            (end, ids[0]),
            (end, ids[1]),
        ):
            async with acting(session, tenant.author):
                await session.fetch(statement, identity)
            counts.append(await session.fetchval(OWN_LOCKS))

    assert [1, 2, 2, 1, 0] == counts


async def test_a_reader_that_fails_leaves_nothing(
    repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
) -> None:
    """When the input breaks off nothing is written and nothing stays staged."""

    async def broken() -> AsyncIterator[bytes]:
        async for one in fed(many(1500)):
            yield one
        raise OSError

    run = Import(repository, tenant.author.context, as_active=False)
    with pytest.raises(OSError, match=r"^$"):
        await anext(run.run(broken()))

    assert {} == await state(superuser, tenant)


async def test_an_interrupted_import_as_active_leaves_nothing_half_done(
    repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
) -> None:
    """Links and entries of what is in are complete, whichever chunk was the last."""
    lines = [line("skill", f"s{n}", parent_ids=[ref(f"s{n - 1}")] if n % 7 else [])
             for n in range(700)]  # fmt: skip
    for chunks in (1, 2, 4):
        run = Import(repository, tenant.author.context, as_active=False)
        await taken(run, lines, chunks)
        for entity in (await state(superuser, tenant)).values():
            number = int(entity.document["external_id"][1:])
            assert bool(number % 7) == bool(entity.document["parent_ids"])
