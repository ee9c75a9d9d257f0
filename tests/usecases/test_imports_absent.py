"""What is in the registry and not in the files of an import, and what becomes of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from itertools import pairwise
from typing import Any

import asyncpg
import msgspec
import pytest
import pytest_asyncio

from service.catalog.load import Catalog
from service.repository.base import Repository
from service.usecases.absent import Handling
from service.usecases.importing import Import
from service.usecases.outcomes import OUTCOMES
from tests.factories import Tenant, create, industry_body, raise_to, skill_body, step
from tests.imports import (
    Entity,
    Line,
    Outcome,
    fed,
    imported,
    line,
    needs,
    ref,
    staff,
    state,
    workshop,
)
from tests.leftovers import leftovers
from tests.postgres import Server
from tests.sessions import Connect, acting, connections, pid

STEP = "SELECT app.entity_step($1, $2, NULL, $3, 'because', NULL)"
WAITS = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE $1 = ANY(pg_blocking_pids(pid)))"
REASONS = """
SELECT payload.reason FROM audit.payload INNER JOIN audit.entry USING (tenant_id, audit_id)
WHERE tenant_id = $1 AND operation = 'archive'
"""
HANDLINGS: tuple[Handling, ...] = ("report", "archive")
NOTHING = dict.fromkeys(OUTCOMES, 0)


@pytest_asyncio.fixture(loop_scope="module")
async def connect(cluster: Server, database: str) -> AsyncIterator[Connect]:
    """Have sessions of one's own."""
    async with connections(cluster, database) as found:
        yield found


async def report(
    repository: Repository, tenant: Tenant, lines: Iterable[Line | bytes], **how: Any
) -> Outcome:
    """Import, and list what is absent."""
    return await imported(repository, tenant, lines, absent="report", **how)


async def archive(
    repository: Repository, tenant: Tenant, lines: Iterable[Line | bytes], **how: Any
) -> Outcome:
    """Import, and archive what is absent."""
    return await imported(repository, tenant, lines, absent="archive", **how)


def absent(found: Outcome) -> list[str]:
    """Give the external ids of what was absent."""
    return sorted(one.external_id or "" for one in found.absent)


def outcomes(found: Outcome) -> dict[str | None, str]:
    """Give what became of absent entities by their external id."""
    return {one.external_id: one.outcome for one in found.absent}


def kept(found: Outcome, external_id: str) -> tuple[str, dict[str, Any]]:
    """Give type and problem of an entity that was kept."""
    (one,) = [one for one in found.absent if one.external_id == external_id]
    assert "kept" == one.outcome
    problem = msgspec.to_builtins(one.problem)
    return str(problem["type"]).removeprefix("/docs/errors#"), problem


class TestWhatIsAbsent:
    """Of the kinds and namespaces that occur, what the caller sees, has named, and left out."""

    async def test_nothing_when_nobody_asks(self, repository: Repository, tenant: Tenant) -> None:
        """The totals have the member only when it was asked for."""
        await imported(repository, tenant, [line("skill", "s:a"), line("skill", "s:b")])

        plain = await imported(repository, tenant, [line("skill", "s:a")])
        asked = await report(repository, tenant, [line("skill", "s:a")])
        done = await archive(repository, tenant, [line("skill", "s:a")])

        assert (NOTHING | {"unchanged": 1}, []) == (plain.totals, plain.absent)
        assert NOTHING | {"unchanged": 1, "absent": 1} == asked.totals
        assert NOTHING | {"unchanged": 1, "archived": 1, "kept": 0} == done.totals

    async def test_a_report_names_them_and_changes_nothing(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """Id and external id of each, no line, no entry."""
        lines = [line("skill", f"s:{name}") for name in "abc"]
        await imported(repository, tenant, lines)
        before = await state(superuser, tenant)

        found = await report(repository, tenant, lines[:1])

        assert before == await state(superuser, tenant)
        assert {("absent", before[name].id, name) for name in ("s:b", "s:c")} == {
            (one.outcome, str(one.id), one.external_id) for one in found.absent
        }
        assert {"outcome", "id", "external_id"} == set(
            msgspec.json.decode(msgspec.json.encode(found.absent[0]))
        )

    @pytest.mark.parametrize(
        "there,named,told",
        [
            ("s:b", "s:a", True),
            ("b", "a", True),
            ("esco:skill:b", "esco:skill:a", True),
            ("http://x.test/skill/b", "http://x.test/skill/a", True),
            ("http://x.test/k#b", "http://x.test/k#a", True),
            ("t:b", "s:a", False),
            ("b", "s:a", False),
            ("s:b", "a", False),
            ("s:t:b", "s:a", False),
            ("esco:occupation:b", "esco:skill:a", False),
            ("http://x.test/skill/b", "http://y.test/skill/a", False),
            ("http://x.test/k#b", "http://x.test/k/a", False),
        ],
    )
    async def test_of_the_namespaces_that_occur(
        self, repository: Repository, tenant: Tenant, there: str, named: str, *, told: bool
    ) -> None:
        """An external id's namespace ends at its last colon, slash or hash."""
        await imported(repository, tenant, [line("skill", there)])

        found = await report(repository, tenant, [line("skill", named)])

        assert [there] * told == absent(found)

    async def test_of_the_kinds_that_occur(self, repository: Repository, tenant: Tenant) -> None:
        """What has the same namespace and another kind is no part of the import."""
        await imported(repository, tenant, workshop())

        found = await report(repository, tenant, [line("skill", "weld"), line("team", "hall")])

        assert ["cut"] == absent(found)

    async def test_of_the_schemes_that_occur(self, repository: Repository, tenant: Tenant) -> None:
        """An industry of another scheme, or of none, is no part of it either."""
        lines = [
            line("industry", f"{scheme}{code}", scheme=scheme, code=code, level=1)
            for scheme in "st"
            for code in "12"
        ]
        lines += [line("industry", "none1"), line("industry", "none2")]
        await imported(repository, tenant, lines)
        named: Line = {"kind": "industry", "external_id": "s1", "name": "without its scheme"}

        found = [
            absent(await report(repository, tenant, some))
            for some in ([named], [lines[0], lines[2]], [lines[5]])
        ]

        assert [["s2"], ["s2", "t2"], ["none1"]] == found

    async def test_what_the_caller_does_not_see_or_has_not_named_is_left_alone(
        self, repository: Repository, tenant: Tenant
    ) -> None:
        """Others' drafts, the archived, and what has no external id; own drafts and reviews are."""
        made = {
            name: await create(
                repository, actor, "skill", skill_body(external_id=f"s:{name}" if name else None)
            )
            for name, actor in {
                "hidden": tenant.certifier, "gone": tenant.author, "": tenant.author,
                "draft": tenant.author, "review": tenant.certifier,
            }.items()
        }  # fmt: skip
        await step(repository, tenant.author, "skill", made["gone"].id, "archived")
        await step(repository, tenant.certifier, "skill", made["review"].id, "under_review")

        found = await report(repository, tenant, [line("skill", "s:x")])

        assert ["s:draft", "s:review"] == absent(found)
        assert str(made["hidden"].id) not in repr(found)

    @pytest.mark.parametrize(
        "fields",
        [
            {"name": "Taken"},
            {"name": 5},
            {"unknown": 1},
            {"parent_ids": [ref("none")]},
        ],
    )
    async def test_what_a_rejected_line_is_about_is_there(
        self, repository: Repository, tenant: Tenant, fields: dict[str, Any]
    ) -> None:
        """Whatever is wrong with the line, as long as it says whose it is; the id may be long."""
        name = "s:" + "x" * 200
        lines = [line("skill", name), line("skill", "s:taken", name="Taken"), line("skill", "s:b")]
        await imported(repository, tenant, lines)

        found = await archive(
            repository,
            tenant,
            [line("skill", name, **fields), line("skill", "s:taken", name="Taken")],
        )

        assert "rejected" == found[1].outcome
        assert {"s:b": "archived"} == outcomes(found)

    async def test_what_came_meanwhile_is_not_absent(
        self, repository: Repository, tenant: Tenant
    ) -> None:
        """Another import of the same source may be at work: each leaves the other's alone."""
        await imported(repository, tenant, [line("skill", "s:old")])
        slow = Import(repository, tenant.author.context, as_active=False, absent="archive")
        parts = slow.run(fed([line("skill", f"s:{n}") for n in range(501)]))
        first = await anext(parts)
        beside = await archive(repository, tenant, [line("skill", "s:beside")])
        rest = [one async for part in parts for one in part]

        assert 501 == len(first) + sum(1 for one in rest if one.line)
        # The second began when the first had brought some of its own.
        assert {"s:old"} | {f"s:{one.line - 1}" for one in first} == set(absent(beside))
        assert [] == [one.external_id for one in rest if not one.line]

    async def test_no_lines_say_nothing_of_anything(
        self, repository: Repository, tenant: Tenant
    ) -> None:
        """An empty file, or one whose lines are about nothing that is there, archives nothing."""
        await imported(repository, tenant, [line("skill", "s:a")])

        for lines in ([], [b""], [line("skill", "s:b", category="none")]):
            found = await archive(repository, tenant, lines)
            assert [] == found.absent


class TestArchived:
    """What nothing in force depends on is archived, each with one entry."""

    async def test_dependents_go_before_what_they_depend_on(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """A whole workshop in force: agents, teams, job roles, skills with children, industries."""
        await imported(repository, tenant, workshop(), active=True)
        stay = [
            line("skill", "stay"),
            line("industry", "stay"),
            line("job_role", "stay", required_skills=needs("stay")),
            line("team", "stay", **staff("stay", "stay")),
            line("agent", "stay", **staff("stay", "stay", skill_ids=[ref("stay")])),
        ]

        found = await archive(repository, tenant, stay)

        assert NOTHING | {"created": 5, "archived": 7, "kept": 0} == found.totals
        now = await state(superuser, tenant)
        assert {"archived"} == {now[one["external_id"]].status for one in workshop()}
        assert ["import", "archive"] == now["weld"].operations
        assert now["weld"].actors[1] == tenant.author.context.governance_agent_id
        reasons = [row["reason"] for row in await superuser.fetch(REASONS, tenant.id)]
        assert ["It was in no line of an import."] * 7 == reasons

    @pytest.mark.parametrize(
        "status", ["draft", "under_review", "certified", "active", "deprecated"]
    )
    async def test_in_whatever_state(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection, status: str
    ) -> None:
        """Every state leads to archived."""
        made = await create(repository, tenant.author, "industry", industry_body(external_id="i"))
        if status != "draft":
            await raise_to(repository, tenant, "industry", made.id, status)

        found = await archive(repository, tenant, [line("industry", "x")])

        assert {"i": "archived"} == outcomes(found)
        assert "archived" == (await state(superuser, tenant))["i"].status

    async def test_what_something_in_force_depends_on_is_kept(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """With who depends on it; a draft that does is nobody to wait for."""
        active = [
            line("skill", "s:needed"),
            line("skill", "s:top"),
            line("skill", "s:low", parent_ids=[ref("s:top")]),
            line("skill", "s:parent"),
            line("skill", "s:free"),
            line("job_role", "role", required_skills=needs("s:needed", "s:low")),
        ]
        await imported(repository, tenant, active, active=True)
        drafts = [
            line("job_role", "draft", required_skills=needs("s:free")),
            line("skill", "x", parent_ids=[ref("s:parent")]),
        ]
        await imported(repository, tenant, drafts)
        before = await state(superuser, tenant)

        found = await archive(repository, tenant, [line("skill", "s:new")])

        assert {"s:needed": "kept", "s:low": "kept", "s:top": "kept",
                "s:parent": "archived", "s:free": "archived"} == outcomes(found)  # fmt: skip
        assert NOTHING | {"created": 1, "archived": 2, "kept": 3} == found.totals
        slug, problem = kept(found, "s:top")
        assert ("in-use", 409, 1) == (slug, problem["status"], problem["count"])
        assert "Entities in force depend on it." == problem["detail"]
        assert [
            {"id": before["s:low"].id, "entity_type": "skill", "name": "skill s:low",
             "status": "active", "relation": "parent"}
        ] == problem["dependents"]  # fmt: skip
        now = await state(superuser, tenant)
        assert all(before[name] == now[name] for name in ("s:needed", "s:low", "s:top", "role"))

    async def test_many_whose_parents_come_first(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """More than a page, in an order in which each page frees what stands on earlier ones."""
        chains = [[f"s:{deep}-{n}" for deep in range(4)] for n in range(160)]
        # Children first, so that the parents are the newer ones.
        lines = [line("skill", name) for deep in range(4) for chain in chains
                 for name in [chain[deep]]]  # fmt: skip
        await imported(repository, tenant, lines)
        under: list[Line] = [
            {"kind": "skill", "external_id": child, "parent_ids": [ref(parent)]}
            for chain in chains
            for child, parent in pairwise(chain)
        ]
        await imported(repository, tenant, under, active=True)
        await imported(repository, tenant, [line("skill", chain[3]) for chain in chains],
                       active=True)  # fmt: skip

        found = await archive(repository, tenant, [line("skill", "s:new")])

        assert NOTHING | {"created": 1, "archived": 640, "kept": 0} == found.totals
        now = await state(superuser, tenant)
        assert {"archived"} == {one.status for name, one in now.items() if name != "s:new"}

    async def test_again_there_is_nothing_left_to_do(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """A second time everything is unchanged, and what was kept is kept."""
        await imported(repository, tenant, workshop(), active=True)
        lines = [one for one in workshop() if one["external_id"] not in {"cut", "robot-1"}]
        lines[2]["required_skills"] = needs("weld", "cut")  # what is in force stays as it is

        first = await archive(repository, tenant, lines)
        before = await state(superuser, tenant)
        second = await archive(repository, tenant, lines)

        assert {"robot-1": "archived", "cut": "kept"} == outcomes(first)
        assert {"cut": "kept"} == outcomes(second)
        assert before == await state(superuser, tenant)


class TestRefused:
    """Archived is final: nothing is, while a line may be about what seems to be absent."""

    @pytest.mark.parametrize(
        "raw",
        [
            b"{",
            b"[]",
            b'{"kind": "skill", "external_id": "s:b"',
            b'{"kind": "skill", "name": "skill s:b"}',
            b'{"kind": "animal", "external_id": "s:b"}',
            b'{"external_id": "s:b", "name": "b"}',
            b'{"kind": "skill", "external_id": " s:b"}',
            b'{"kind": "skill", "external_id": "s:b\\u0000"}',
            b'{"kind": "skill", "external_id": 5}',
            b'{"kind": "skill", "external_id": "s:b", "external_id": "s:x"}',
            b'{"kind": "job_role", "kind": "skill", "external_id": "s:x"}',
            b'{"kind": "skill", "external_id": "' + b"s" * 256 + b'"}',
        ],
    )
    async def test_a_line_of_which_nobody_knows_whose_it_is(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection, raw: bytes
    ) -> None:
        """What is absent is listed as kept, with that reason; the other lines are in."""
        await imported(repository, tenant, [line("skill", "s:a"), line("skill", "s:b")])

        found = await archive(repository, tenant, [line("skill", "s:a"), raw, line("skill", "s:c")])

        assert NOTHING | {
            "created": 1, "unchanged": 1, "rejected": 1, "archived": 0, "kept": 1,
        } == found.totals  # fmt: skip
        slug, problem = kept(found, "s:b")
        assert ("import-incomplete", 409) == (slug, problem["status"])
        assert "of one line nobody" in problem["detail"]
        assert "draft" == (await state(superuser, tenant))["s:b"].status

    async def test_a_source_that_left_something_out(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """Asked when the last line was read; a report is given all the same."""
        await imported(repository, tenant, [line("skill", "s:a"), line("skill", "s:b")])
        read: list[Line] = []

        async def lines() -> AsyncIterator[bytes]:
            async for one in fed([line("skill", "s:a")]):
                yield one
            read.append({})

        told = []
        for handling in HANDLINGS:
            run = Import(
                repository, tenant.author.context, as_active=False,
                absent=handling, whole=lambda: not read,
            )  # fmt: skip
            told += [one async for part in run.run(lines()) for one in part if not one.line]
        assert [("absent", "s:b"), ("kept", "s:b")] == [
            (one.outcome, one.external_id) for one in told
        ]
        assert "left out" in str(told[1].problem)
        assert "draft" == (await state(superuser, tenant))["s:b"].status


class TestAmongOthers:
    """Others use, archive and hide entities while an import archives."""

    async def certifying(self, repository: Repository, tenant: Tenant) -> tuple[str, str]:
        """Make a job role in review that needs an active skill; their ids."""
        lines = [line("skill", "s:needed"), line("skill", "s:b"), line("skill", "s:c")]
        skills = await imported(repository, tenant, lines, active=True)
        role = line("job_role", "r:role", required_skills=needs("s:needed"))
        made = await imported(repository, tenant, [role])
        await step(repository, tenant.author, "job_role", made[1].id or "", "under_review")
        return str(made[1].id), str(skills[1].id)

    async def test_a_dependent_that_enters_force_at_the_same_moment(
        self,
        repository: Repository,
        tenant: Tenant,
        superuser: asyncpg.Connection,
        connect: Connect,
    ) -> None:
        """Archiving waits for who certifies it, then keeps what is needed and takes the rest."""
        role, _ = await self.certifying(repository, tenant)
        other = await connect()
        async with acting(other, tenant.certifier):
            await other.fetch(STEP, "job_role", role, "certified")
            task = asyncio.ensure_future(archive(repository, tenant, [line("skill", "s:x")]))
            while not await superuser.fetchval(WAITS, pid(other)):
                assert not task.done(), "it did not wait"
        found = await task

        assert {"s:needed": "kept", "s:b": "archived", "s:c": "archived"} == outcomes(found)
        slug, problem = kept(found, "s:needed")
        assert ("in-use", [role]) == (slug, [one["id"] for one in problem["dependents"]])

    async def test_one_that_is_archived_or_hidden_at_the_same_moment(
        self,
        repository: Repository,
        tenant: Tenant,
        superuser: asyncpg.Connection,
        connect: Connect,
    ) -> None:
        """It is absent no longer, and nothing is said of it."""
        made = [
            await create(repository, tenant.certifier, "skill", skill_body(external_id=f"s:{n}"))
            for n in range(3)
        ]
        for one in made:
            await step(repository, tenant.certifier, "skill", one.id, "under_review")
        other = await connect()
        async with acting(other, tenant.certifier):
            await other.fetch(STEP, "skill", made[0].id, "archived")
            await other.fetch(STEP, "skill", made[1].id, "draft")
            task = asyncio.ensure_future(archive(repository, tenant, [line("skill", "s:x")]))
            while not await superuser.fetchval(WAITS, pid(other)):
                assert not task.done(), "it did not wait"
        found = await task

        assert {"s:2": "archived"} == outcomes(found)
        now = await state(superuser, tenant)
        assert ["archived", "draft"] == [now[f"s:{n}"].status for n in range(2)]
        assert 3 == now["s:0"].version

    async def test_an_import_that_ends_half_way(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """What was reported is archived, nothing else is, and the same import does the rest."""
        lines = [line("skill", f"s:{n}") for n in range(700)]
        await imported(repository, tenant, lines)
        run = Import(repository, tenant.author.context, as_active=False, absent="archive")
        parts = run.run(fed([line("skill", "s:x")]))
        await anext(parts)
        reported = await anext(parts)
        await parts.aclose()

        now = await state(superuser, tenant)
        assert 500 == len(reported)
        assert {str(one.id) for one in reported} == gone(now.values())
        again = await archive(repository, tenant, [line("skill", "s:x")])
        assert (1, 200) == (again.totals["unchanged"], again.totals["archived"])
        assert 700 == len(gone((await state(superuser, tenant)).values()))

    async def test_without_the_scope_nothing_is_archived(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """An import needs write, and so does archiving; the database asks, not the caller."""
        await imported(repository, tenant, [line("skill", "s:a"), line("skill", "s:b")])
        run = Import(repository, tenant.author.context, as_active=False, absent="archive")
        parts = run.run(fed([line("skill", "s:a")]))
        await anext(parts)
        await superuser.execute(
            "UPDATE app.api_key SET scopes = '{read}' WHERE tenant_id = $1 AND id = $2",
            tenant.id, tenant.author.context.key_id,
        )  # fmt: skip

        with pytest.raises(Exception, match="scope write"):
            await anext(parts)
        assert "draft" == (await state(superuser, tenant))["s:b"].status


def gone(entities: Iterable[Entity]) -> set[str]:
    """Give the ids of what is archived."""
    return {one.id for one in entities if one.status == "archived"}


STAGED = """
INSERT INTO app.import_line (
    tenant_id, import_id, line, kind, entity_id, body, governance_agent_id, chunk
) SELECT $1, $2, place - 701, 'skill', coalesce($3, gen_random_uuid()), '{}', $4, 0
FROM generate_series(1, 700) AS place
"""


ONE = """
INSERT INTO app.import_line (
    tenant_id, import_id, line, kind, entity_id, body, governance_agent_id, chunk
) VALUES ($1, $2, -1, 'skill', $3, '{}', $4, 0)
"""


ANYWHERE = "SET enable_indexscan = off; SET enable_bitmapscan = off"
FOUND = "SELECT external_id FROM app.import_line WHERE import_id = $1 AND chunk = 0 ORDER BY line"


async def test_what_is_absent_is_numbered_from_the_newest(
    repository: Repository, tenant: Tenant, superuser: asyncpg.Connection, connect: Connect
) -> None:
    """Wherever the entities lie: who came last has the number that comes first, -1.

    What was archived before has none.
    """
    for n in range(4):
        await create(repository, tenant.author, "skill", skill_body(external_id=f"s:{n}"))
    gone = await create(repository, tenant.author, "skill", skill_body(external_id="s:gone"))
    await step(repository, tenant.author, "skill", gone.id, "archived")
    run = await superuser.fetchval("SELECT uuidv7()")
    given = '[{"line": 1, "kind": "skill", "external_id": "s:0", "body": {}}]'
    session = await connect("superuser")
    await session.execute(ANYWHERE)
    async with acting(session, tenant.author):
        await session.execute("SELECT app.import_stage($1, $2)", run, given)
        await session.execute("SELECT app.import_find_absent($1, now())", run)
        found = [row["external_id"] for row in await session.fetch(FOUND, run)]

    assert ["s:1", "s:2", "s:3"] == found


async def test_who_waits_is_asked_again_and_no_other_import_answers(
    repository: Repository,
    catalog: Catalog,
    tenant: Tenant,
    superuser: asyncpg.Connection,
    connect: Connect,
) -> None:
    """Until what depends on it has gone; of another import nothing depends on its first."""
    lines = [line("skill", "s:top"), line("skill", "s:low", parent_ids=[ref("s:top")])]
    made = await imported(repository, tenant, lines, active=True)
    free = await create(repository, tenant.author, "skill", skill_body())
    own, other = [await superuser.fetchval("SELECT uuidv7()") for _ in range(2)]
    author = tenant.author.context.governance_agent_id
    for run, identity in ((other, free.id), (own, made[1].id)):
        await superuser.execute(ONE, tenant.id, run, identity, author)
    session = await connect()
    told = []
    for gone in (None, None, made[2].id):
        if gone:
            await step(repository, tenant.author, "skill", str(gone), "archived")
        async with acting(session, tenant.author):
            rows = await session.fetch(catalog["import_archive"].text, own, "skill", 0)
        told += [(row["line"], row["outcome"]) for row in rows]

    assert [(-1, "waiting"), (-1, "waiting"), (-1, "archived")] == told


async def test_a_session_keeps_nothing_of_an_import(
    repository: Repository, tenant: Tenant, superuser: asyncpg.Connection, connect: Connect
) -> None:
    """What tells triggers whose work it is ends with the transaction: the next one is another's."""
    await create(repository, tenant.author, "skill", skill_body(external_id="s:old"))
    run = await superuser.fetchval("SELECT uuidv7()")
    now = await superuser.fetchval("SELECT clock_timestamp()")
    given = json.dumps(
        [{"line": 1, "kind": "skill", "external_id": "s:new", "body": line("skill", "s:new")}]
    )
    session = await connect()
    told = []
    for statement, *more in (
        ("import_begin",),
        ("import_stage", given),
        ("import_arrange", False),
        ("import_apply", 1, False, True),
        ("import_find_absent", now),
        ("import_archive", "skill", 0),
        ("import_end",),
    ):
        async with acting(session, tenant.author):
            text = ", ".join(f"${place}" for place in range(1, len(more) + 2))
            rows = await session.fetch(f"SELECT * FROM app.{statement}({text})", run, *more)
        told += [row["outcome"] for row in rows if "outcome" in row]
        assert [] == await leftovers(session)

    assert ["created", "archived"] == told


@pytest.mark.parametrize("statement", ["import_archive", "import_take_absent"])
async def test_a_page_is_of_five_hundred_and_the_newest_come_first(
    repository: Repository,
    catalog: Catalog,
    tenant: Tenant,
    superuser: asyncpg.Connection,
    connect: Connect,
    statement: str,
) -> None:
    """Children before their parents, wherever the lines lie; the next page goes on behind it.

    No index gives that order, nor does a join, which sorts the other way.
    """
    takes = statement == "import_take_absent"
    made = await create(repository, tenant.author, "skill", skill_body())
    run = await superuser.fetchval("SELECT uuidv7()")
    author = tenant.author.context.governance_agent_id
    await superuser.execute(STAGED, tenant.id, run, made.id if takes else None, author)
    session = await connect("superuser")
    await session.execute(f"{ANYWHERE}; SET enable_hashjoin = off; SET enable_nestloop = off")
    pages = []
    async with acting(session, tenant.author):
        for after in (0, -500, -700):
            more = (False,) if takes else ("skill", after)
            rows = await session.fetch(catalog[statement].text, run, *more)
            pages.append([row["line"] for row in rows])

    assert [[*range(-1, -501, -1)], [*range(-501, -701, -1)], []] == pages
