"""Two imports of one agent beside each other: neither looks at the other's lines nor changes them.

The other one has begun and stays: its lines are staged, or arranged too, with the same external
ids, the names that this one's lines want, and parents and teams of their own.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from service.repository.base import Repository
from service.usecases.lines import batches
from tests.factories import Tenant, skill_body
from tests.imports import Line, Outcome, fed, imported, line, needs, ref, staff, workshop
from tests.postgres import Server
from tests.sessions import Connect, acting, become, connections, pid

BEGIN = "SELECT app.import_begin($1)"
STAGE = "SELECT app.import_stage($1, $2)"
ARRANGE = "SELECT FROM app.import_arrange($1, FALSE)"
ABSENT = "SELECT FROM app.import_find_absent($1, now())"
FAMILIES = "SELECT app.import_families($1)"
FAMILY = "SELECT family FROM app.import_line WHERE import_id = $1 ORDER BY line"
WAITS = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE $1 = ANY(pg_blocking_pids(pid)))"
MAKE = "SELECT app.skill_create(ARRAY[uuidv7()], ARRAY[$1::jsonb], 'draft')"
AGAIN = "SELECT app.import_again($1, $2, $3, $4, $5, $6)"
STAGED = "SELECT * FROM app.import_line WHERE tenant_id = $1 ORDER BY import_id, line"


@pytest_asyncio.fixture(loop_scope="module")
async def connect(cluster: Server, database: str) -> AsyncIterator[Connect]:
    """Have sessions of one's own."""
    async with connections(cluster, database) as found:
        yield found


def crew(team: str, *agents: str, **fields: Any) -> list[Line]:
    """Make a team and its members."""
    own = staff("welder", "metal")
    members = {"team_id": ref(team), "skill_ids": [ref("weld"), ref("cut")]}
    made = [line("agent", one, **own, **members, **fields) for one in agents]
    return [line("team", team, **own), *made]


def first() -> list[Line]:
    """Make what the registry begins with."""
    return [
        *workshop(),
        *(line("skill", f"s{n}") for n in range(6)),
        *(
            line("industry", f"i{n}", scheme="S", code=str(n), level=1, name=f"Trade {n}")
            for n in range(4)
        ),
    ]


def second() -> list[Line]:
    """Make lines of every sort: moved names and codes, cycles, families, faults, equal ones."""
    names = ["new", "s0", "s1"]
    lines = [line("skill", f"s{n}", name=f"skill {name}") for n, name in enumerate(names)]
    lines += [
        line("industry", f"i{n}", scheme="S", code=str(n + 1), level=1, name=f"Trade {n}")
        for n in range(4)
    ]
    lines += [
        line("skill", "round-0", parent_ids=[ref("round-1")]),
        line("skill", "round-1", parent_ids=[ref("round-0")]),
        line("skill", "below", parent_ids=[ref("round-0")]),
        *(line("skill", f"deep-{n}", parent_ids=[ref(f"deep-{n + 1}")]) for n in range(3)),
        line("skill", "deep-3", parent_ids=[ref("s4")]),
        line("skill", "lost", parent_ids=[ref("nobody")]),
        line("skill", "taken", name="skill s5"),
        line("skill", "s4"),
        line("skill", "s3", tags=["changed"]),
        line("skill", "s3", tags=["again"]),
        line("job_role", "unfit", required_skills=needs("lost")),
    ]
    lines += crew("yard", "robot-3", "robot-4", parent_ids=[ref("robot-5")])
    lines += crew("shed", "robot-5")
    return lines


def others(lines: list[Line]) -> list[Line]:
    """Make another's lines of these: each of a kind has the next one's name, and parents."""
    made = []
    for n, one in enumerate(lines):
        fellows = [other for other in lines if other["kind"] == one["kind"]]
        fellow = fellows[(fellows.index(one) + 1) % len(fellows)]
        own = {"name": fellow["name"], "parent_ids": [ref(fellow["external_id"])]}
        if one["kind"] == "industry":
            own = {"code": fellow["code"]} if {"code"} <= one.keys() & fellow.keys() else {}
        if one["kind"] == "agent":
            own["team_id"] = ref("hall")
        made.append(one | own if n % 4 else one)
    return made


def told(found: Outcome) -> list[Any]:
    """Give what is reported, but for ids."""
    return [
        (one.line, one.outcome, one.external_id, one.problem and one.problem["detail"])
        for one in sorted(found.lines, key=lambda one: one.line) + found.absent
    ]


async def run(repository: Repository, tenant: Tenant) -> list[Any]:
    """Import what is there, what changes it, the rest as active; archive what is absent."""
    return [
        told(await imported(repository, tenant, lines, **how))
        for lines, how in (
            (first(), {}),
            (second(), {}),
            (workshop() + crew("yard", "robot-3"), {"active": True}),
            (first()[:9], {"absent": "report"}),
            (first()[:9], {"absent": "archive"}),
        )
    ]


@pytest.mark.parametrize("arranged", [False, True], ids=["staged", "arranged"])
async def test_lines_of_another_import_are_neither_looked_at_nor_touched(
    repository: Repository,
    superuser: asyncpg.Connection,
    tenant: Tenant,
    other_tenant: Tenant,
    connect: Connect,
    *,
    arranged: bool,
) -> None:
    """What is told of each line is what is told where nobody else imports."""
    expected = await run(repository, other_tenant)
    for lines in (first(), second(), workshop()):
        # An import lives as long as its session.
        beside = await connect()
        await become(beside, tenant.author, local=False)
        other = uuid4()
        await beside.execute(BEGIN, other)
        async for batch in batches(fed(others(lines))):
            await beside.execute(STAGE, other, batch.text)
        if arranged:
            await beside.execute(ARRANGE, other)
            await beside.execute(ABSENT, other)
    before = await superuser.fetch(STAGED, tenant.id)

    given = await run(repository, tenant)

    assert before == await superuser.fetch(STAGED, tenant.id)
    assert 3 == len({row["import_id"] for row in before})
    assert expected == given


async def test_who_comes_again_brings_nobody_of_another_import(
    superuser: asyncpg.Connection, tenant: Tenant
) -> None:
    """Its lines have the numbers of these: a team there and its member are none here."""
    skill = {"kind": "skill", "body": {}}
    agent = {"kind": "agent", "external_id": "a", "body": {"team_id": ref("t")}}
    here = [{"line": n, "external_id": f"s{n}", **skill} for n in (1, 2, 3)]
    there = [{"line": 1, "kind": "team", "external_id": "t", "body": {}}, {"line": 2, **agent}]
    own, other = uuid4(), uuid4()
    async with superuser.transaction():
        await become(superuser, tenant.author)
        for run, lines in ((own, here), (other, there)):
            await superuser.execute(STAGE, run, json.dumps(lines))
        again = [
            await superuser.fetchval(AGAIN, run, [2], [3], [1, 2], [3], []) for run in (own, other)
        ]
        await superuser.execute("DELETE FROM app.import_line WHERE tenant_id = $1", tenant.id)

    assert [[2], [1, 2]] == [sorted(lines) for lines in again]


async def test_a_family_is_of_one_import(superuser: asyncpg.Connection, tenant: Tenant) -> None:
    """Lines of another import have the numbers of these: what ties those ties none of these."""
    here = [
        {"line": 1, "kind": "team", "external_id": "t", "body": {}},
        {"line": 2, "kind": "agent", "external_id": "a", "body": {"team_id": ref("t")}},
        {"line": 3, "kind": "agent", "external_id": "b", "body": {}},
        {"line": 4, "kind": "skill", "external_id": "s", "body": {}},
    ]
    there = [one | {"line": number} for number, one in zip((3, 2), here, strict=False)]
    own, other = uuid4(), uuid4()
    async with superuser.transaction():
        await become(superuser, tenant.author)
        for run, lines in ((own, here), (other, there)):
            await superuser.execute(STAGE, run, json.dumps(lines))
        await superuser.execute(FAMILIES, own)
        mine, theirs = [
            [row["family"] for row in await superuser.fetch(FAMILY, run)] for run in (own, other)
        ]
        await superuser.execute("DELETE FROM app.import_line WHERE tenant_id = $1", tenant.id)

    assert mine[0] == mine[1] is not None
    assert [None, None] == mine[2:] == theirs


async def test_what_is_created_at_the_same_moment_is_looked_at_again(
    repository: Repository, superuser: asyncpg.Connection, tenant: Tenant, connect: Connect
) -> None:
    """The line waits for who is first, and then it is about what that one has made.

    Alone: of several those that were refused together are tried apart in any case.
    """
    other = await connect()
    async with acting(other, tenant.author):
        await other.fetch(MAKE, json.dumps(skill_body(external_id="same")))
        task = asyncio.ensure_future(imported(repository, tenant, [line("skill", "same")]))
        while not await superuser.fetchval(WAITS, pid(other)):
            assert not task.done(), "it did not wait"
    found = await task

    assert ["amended"] == found.outcomes
