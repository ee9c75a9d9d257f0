"""Lines of one import that need each other: names that move on, and families of agents.

How much is done for them is counted by the server (track_functions), not timed.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from service.catalog.load import Catalog
from service.database.pool import Pool
from service.repository.base import Repository
from service.settings import Settings
from service.usecases.outcomes import OUTCOMES
from tests.factories import Tenant, create, skill_body, step
from tests.imports import Line, imported, line, needs, ref, staff, state, workshop
from tests.postgres import Server
from tests.sessions import become

NOTHING = dict.fromkeys(OUTCOMES, 0)

Counted = Callable[..., Awaitable[tuple[Any, dict[str, int]]]]
"""Imports as `imported` does, and tells how often each function was called."""

CALLS = "SELECT funcname::text, calls FROM pg_stat_user_functions WHERE schemaname = 'app'"
# A back end that has ended has told all that it counted.
ENDED = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1"
STAGE = "SELECT app.import_stage($1, $2)"


def staged(lines: dict[int, Line]) -> str:
    """Write lines as they are staged, by their numbers."""
    return json.dumps([
        {"line": n, "kind": one["kind"], "external_id": one["external_id"], "body": one}
        for n, one in lines.items()
    ])  # fmt: skip


async def called(superuser: asyncpg.Connection) -> dict[str, int]:
    """Tell how often each function has been called."""
    return {row["funcname"]: row["calls"] for row in await superuser.fetch(CALLS)}


@pytest.fixture(scope="module", autouse=True)
def uncounted(cluster: Server, database: str) -> None:
    """Count no session but those of `counted`, whatever the server counts by itself.

    Who stays connected tells only later what was called: it would be taken for the next one's.
    """
    cluster.run(f"ALTER DATABASE {database} SET track_functions = 'none'")


@pytest_asyncio.fixture(loop_scope="module")
async def counted(
    cluster: Server,
    database: str,
    catalog: Catalog,
    settings: Settings,
    superuser: asyncpg.Connection,
    tenant: Tenant,
) -> AsyncIterator[Counted]:
    """Have imports counted, each in a session of its own."""
    await superuser.execute(f"ALTER DATABASE {database} SET track_functions = 'all'")

    async def run(lines: list[Line], *, active: bool = False) -> tuple[Any, dict[str, int]]:
        before = await called(superuser)
        pool = Pool(cluster.url("app", database), settings, name="counted")
        await pool.open()
        async with pool.connection() as connection:
            pid = connection.get_server_pid()
        found = await imported(Repository(catalog, pool), tenant, lines, active=active)
        await pool.close()
        while await superuser.fetchval(ENDED, pid):
            pass
        await superuser.execute("SELECT pg_stat_clear_snapshot()")
        after = await called(superuser)
        return found, {name: calls - before.get(name, 0) for name, calls in after.items()}

    yield run
    await superuser.execute(f"ALTER DATABASE {database} SET track_functions = 'none'")


def steps(numbers: list[int], kind: str = "skill", **fields: Any) -> list[Line]:
    """Make a line for each place, named by the number that stands there."""
    return [
        line(kind, f"c{place}", name=f"Chain step {number:05}", **fields)
        for place, number in enumerate(numbers)
    ]


class TestNames:
    """A name is free once its holder has given it up, whichever line comes first."""

    @pytest.mark.parametrize("count", [20, 520])
    async def test_a_shift_takes_a_try_for_each_line(
        self, counted: Counted, superuser: asyncpg.Connection, tenant: Tenant, count: int
    ) -> None:
        """Each line wants the next one's name: each is amended by one try, across chunks too."""
        await counted(steps([*range(count)]))

        found, calls = await counted(steps([*range(1, count + 1)]))

        assert NOTHING | {"amended": count} == found.totals
        assert calls["import_try"] <= count
        assert calls["import_parts"] == (count - 1) // 500 + 1
        now = await state(superuser, tenant)
        assert {2} == {entity.version for entity in now.values()}

    @pytest.mark.parametrize("count", [20, 120])
    async def test_a_cycle_is_rejected_as_a_set(
        self, counted: Counted, superuser: asyncpg.Connection, tenant: Tenant, count: int
    ) -> None:
        """Nobody in the circle can begin, nor who waits for one in it; the rest goes in."""
        await counted(steps([*range(count)]))
        before = await state(superuser, tenant)
        moved = steps([*range(1, count), 0])
        # Behind the circle: a new line that wants a name in it.
        moved += [line("skill", "new", name="CHAIN step 00003"), line("skill", "free")]

        found, calls = await counted(moved)

        assert NOTHING | {"created": 1, "rejected": count + 1} == found.totals
        holders = [before[f"c{number}"].id for number in (*range(1, count), 0, 3)]
        assert [("name-taken", ["/name"], holder) for holder in holders] == [
            (*found.reason(one.line), one.problem and one.problem["existing_id"])
            for one in sorted(found.lines, key=lambda one: one.line)
            if one.outcome == "rejected"
        ]
        # One for who goes in; of the others those who are none, before and after they are told.
        assert {"import_try": 3, "import_tell": 1} == {
            name: calls[name] for name in ("import_try", "import_tell")
        }
        now = await state(superuser, tenant)
        assert before == {name: now[name] for name in before}

    async def test_nobody_waits_for_what_is_archived(
        self, counted: Counted, repository: Repository, tenant: Tenant
    ) -> None:
        """It has no name to give up: who takes the one that it had is first, in one look."""
        made, _ = await counted([line("skill", "gone", name="x"), line("skill", "stays", name="y")])
        await step(repository, tenant.author, "skill", str(made[1].id), "archived")
        lines = [
            line("skill", name, name=wanted)
            for name, wanted in (("gone", "y"), ("stays", "x"), ("new", "y"))
        ]

        found, calls = await counted(lines)

        assert ["rejected", "amended", "created"] == found.outcomes
        assert 1 == calls["import_parts"]

    async def test_what_waits_for_one_that_is_refused_is_refused(self, counted: Counted) -> None:
        """The last one wants what an entity outside has: nobody moves, and all say why."""
        await counted([*steps([*range(30)]), line("skill", "outside", name="Chain step 00030")])

        found, calls = await counted(steps([*range(1, 31)]))

        assert NOTHING | {"rejected": 30} == found.totals
        assert (2, 1) == (calls["import_try"], calls["import_tell"])

    async def test_one_name_is_the_first_line_s(
        self, counted: Counted, superuser: asyncpg.Connection, tenant: Tenant
    ) -> None:
        """Who comes after it is told without a try of its own."""
        count = 256
        lines = [line("skill", f"s{n}", name="One") for n in range(count)]
        lines[0] = line("skill", "s0", name="One", parent_ids=[ref("nobody")])

        found, calls = await counted(lines)

        assert ["rejected", "created"] + ["rejected"] * (count - 2) == found.outcomes
        holder = (await state(superuser, tenant))["s1"].id
        assert {("name-taken", holder)} == {
            (found.reason(number)[0], found[number].problem["existing_id"])
            for number in range(3, count + 1)
        }
        # Halves until the first stands alone, and of the rest first those that are told.
        assert calls["import_try"] <= 3 * 8 + 2
        assert calls["import_tell"] <= 8

    async def test_each_name_is_the_first_line_s_of_those_that_want_it(
        self, counted: Counted
    ) -> None:
        """Also of lines that are tried once more, when one among them has been told."""
        names = ["Told", *(f"Alone {n}" for n in range(40)), "Told"]
        names += [f"Pair {n}" for n in range(20) for _ in range(2)]

        found, _ = await counted([line("skill", f"s{n}", name=one) for n, one in enumerate(names)])

        assert ["created"] * 41 + ["rejected"] + ["created", "rejected"] * 20 == found.outcomes

    async def test_two_shifts_go_side_by_side(self, counted: Counted) -> None:
        """What waits for one line only is written as a set: pairs cost two tries, not as many."""
        ones = [line("skill", f"a{n}", name=f"A {n}") for n in range(40)]
        others = [line("skill", f"b{n}", name=f"B {n}") for n in range(40)]
        await counted(ones + others)
        for n in range(40):
            ones[n]["name"] = f"b {n}"
            others[n]["name"] = f"C {n}"

        found, calls = await counted(ones + others)

        assert NOTHING | {"amended": 80} == found.totals
        assert calls["import_try"] == 2

    async def test_a_new_line_may_have_the_name_that_another_gives_up(
        self, counted: Counted
    ) -> None:
        """Also where the one that gives up becomes something else only by its case folding."""
        await counted([line("skill", "old", name="Straße")])

        kept, _ = await counted(
            [line("skill", "new", name="STRASSE"), line("skill", "old", name="strasse")]
        )
        given, calls = await counted(
            [line("skill", "new", name="STRASSE"), line("skill", "old", name="Weg")]
        )

        assert ["rejected", "amended"] == kept.outcomes
        assert ["created", "amended"] == given.outcomes
        assert calls["import_try"] == 2

    async def test_codes_and_scoped_names_of_industries_move_on(
        self, counted: Counted, superuser: asyncpg.Connection, tenant: Tenant
    ) -> None:
        """Scheme and code, and a name within scheme and level, are given up like a name."""

        def coded(place: int, number: int, **more: Any) -> Line:
            code = {"scheme": "S", "code": f"{number:03}", "level": 1}
            return line("industry", f"i{place}", **code | more)

        await counted([coded(n, n, name="Same" if n == 0 else f"n{n}") for n in range(30)])

        moved, calls = await counted([coded(n, n + 1, name=f"m{n}") for n in range(30)])
        # A code alone, too: whose name stays waits for nobody else's.
        again, _ = await counted([coded(n, n + 2, name=f"m{n}") for n in range(30)])
        # A name is free on a level whose holder has gone to another level.
        named, _ = await counted([coded(1, 3, name="m0"), coded(0, 2, name="m0", level=2)])

        assert NOTHING | {"amended": 30} == moved.totals == again.totals
        assert calls["import_try"] <= 30
        assert ["amended", "amended"] == named.outcomes
        now = await state(superuser, tenant)
        assert ("m0", "m0") == (now["i0"].document["name"], now["i1"].document["name"])

    async def test_a_hidden_holder_gives_up_nothing(
        self, repository: Repository, counted: Counted, tenant: Tenant
    ) -> None:
        """Another agent's draft keeps its name, though a line names its external id."""
        await create(
            repository, tenant.certifier, "skill", skill_body(name="hush", external_id="held")
        )

        found, _ = await counted(
            [line("skill", "a", name="Hush"), line("skill", "held", name="other")]
        )

        assert ["rejected", "rejected"] == found.outcomes
        assert ("name-taken", "external-id-taken") == (found.reason(1)[0], found.reason(2)[0])

    async def test_a_name_of_what_is_archived_is_free(
        self, repository: Repository, counted: Counted, tenant: Tenant
    ) -> None:
        """It is nobody's, so nobody has to wait, though a line is about the archived one."""
        made = await create(
            repository, tenant.author, "skill", skill_body(name="gone", external_id="gone")
        )
        await step(repository, tenant.author, "skill", made.id, "archived")

        found, _ = await counted(
            [line("skill", "a", name="Gone"), line("skill", "gone", name="other")]
        )

        assert "created" == found[1].outcome
        assert "step-not-allowed" == found.reason(2)[0]


def below_each_other(count: int) -> list[Line]:
    """Make skills of which each has the one before as its parent."""
    return [
        line("skill", f"s{n}", parent_ids=[ref(f"s{n - 1}")] if n else []) for n in range(count)
    ]


class TestFamilies:
    """Teams, members and their parents enter together, whatever they hang together by."""

    @staticmethod
    def agents(parents: dict[int, list[int]], **more: Any) -> list[Line]:
        """Make agents, each with the parents that it is given."""
        have = {"skill_ids": [ref("weld"), ref("cut")], **more}
        return [
            line("agent", f"a{n}", **staff("welder", "metal", **have),
                 parent_ids=[ref(f"a{parent}") for parent in above])
            for n, above in parents.items()
        ]  # fmt: skip

    @pytest.mark.parametrize("count", [40, 2000])
    async def test_a_zigzag_is_looked_at_once(
        self, counted: Counted, superuser: asyncpg.Connection, tenant: Tenant, count: int
    ) -> None:
        """One component of agents: its pairs are read once, and it goes in by two turns."""
        zigzag = {n: [p for p in (n - 1, n + 1) if p < count] if n % 2 else []
                  for n in range(count)}  # fmt: skip

        found, calls = await counted(workshop()[:4] + self.agents(zigzag), active=True)

        assert NOTHING | {"created": count + 4} == found.totals
        # For depths and for families; and four sets before the agents, who come in two.
        assert (2, 1, 6) == (
            calls["import_parent"], calls["components"], calls["import_try"]
        )  # fmt: skip
        entered = await superuser.fetchval(
            "SELECT count(*) FROM app.entity_parent WHERE tenant_id = $1", tenant.id
        )
        assert sum(map(len, zigzag.values())) + 1 == entered

    async def test_a_turn_takes_only_whom_the_last_one_has_helped(self, counted: Counted) -> None:
        """A ladder of agents goes in rung by rung, and who is refused for good is left alone."""
        height = 30
        ladder = self.agents({n: [n - 1] if n else [] for n in range(height)})
        bad = self.agents({n: [0] for n in range(100, 108)}, skill_ids=[])

        found, calls = await counted(workshop()[:4] + ladder + bad, active=True)

        assert NOTHING | {"created": 4 + height, "rejected": 8} == found.totals
        assert {"rule-violated"} == {
            found.reason(one.line)[0] for one in found.lines if one.outcome == "rejected"
        }
        # Four sets, then the rungs one by one; the eight are halved to one once, and again
        # after the parent that they name has come.
        assert calls["import_try"] <= 4 + height + 2 * 2 * (8 + 1)

    async def test_a_team_comes_when_a_member_s_parent_has(self, counted: Counted) -> None:
        """It is refused for want of a member, who is for want of a parent: then both are in."""
        lines = [
            *workshop()[:4],
            line("team", "t1", **staff("welder", "metal"), parent_ids=[ref("t2")]),
            *self.agents({1: [2]}, team_id=ref("t1")),
            line("team", "t2", **staff("welder", "metal")),
            *self.agents({2: [3]}, team_id=ref("t2")),
            *self.agents({3: []}),
        ]

        found, _ = await counted(lines, active=True)

        assert NOTHING | {"created": 9} == found.totals

    async def test_a_name_that_is_given_up_in_another_turn_is_waited_for(
        self, counted: Counted
    ) -> None:
        """Who has it needs a parent first: the second turn is that one's, the third the name's."""
        await counted(workshop()[:4] + self.agents({1: []}), active=True)
        lines = [
            *self.agents({2: []}, name="agent a1"),
            *self.agents({1: [3]}, name="Other"),
            *self.agents({3: []}),
        ]

        found, _ = await counted(lines, active=True)

        assert ["created", "amended", "created"] == found.outcomes

    async def test_who_is_refused_hears_nothing_of_another_s_team(self, counted: Counted) -> None:
        """One turn for each set: that another team has come helps no member of this one."""
        await counted(workshop(), active=True)
        lines = [
            line("team", "other", **staff("welder", "metal")),
            *self.agents({1: []}, team_id=ref("other")),
            *self.agents({2: []}, team_id=ref("hall"), skill_ids=[]),
        ]

        found, calls = await counted(lines, active=True)

        assert ["created", "created", "rejected"] == found.outcomes
        assert 1 == calls["import_parts"]

    async def test_a_member_is_told_of_its_team_and_of_all_else_that_is_not_there(
        self, counted: Counted
    ) -> None:
        """Its team is refused for itself, and another member for want of skills."""
        await counted(workshop(), active=True)
        lines = [
            line("team", "new", **staff("nowhere", "metal")),
            *self.agents({1: []}, team_id=ref("new"), skill_ids=[ref("nowhere")]),
            *self.agents({2: []}, team_id=ref("new"), skill_ids=[]),
        ]

        found, _ = await counted(lines, active=True)
        pointers = [set(found.reason(number)[1]) for number in (1, 2)]

        assert [
            {"/job_role_id/external_id"},
            {"/team_id/external_id", "/skill_ids/0/external_id"},
        ] == pointers

    async def test_a_team_waits_for_a_name_with_its_members(self, counted: Counted) -> None:
        """The new team takes the name that the old one gives up, and its members come with it."""
        await counted(workshop())
        lines = workshop()
        lines[4]["name"] = "renamed"
        lines += [
            line("team", "new", **staff("welder", "metal"), name="Team Hall"),
            *self.agents({1: [], 2: [1]}, team_id=ref("new")),
        ]

        found, calls = await counted(lines, active=True)

        assert NOTHING | {"created": 3, "amended": 7} == found.totals
        # Four sets, the new family, and one more for who needs a parent.
        assert calls["import_try"] == 6

    async def test_depths_are_found_in_one_look(self, counted: Counted) -> None:
        """However deep the lines lie, their parents are read once."""
        found, calls = await counted(below_each_other(102))

        assert (1, 0) == (calls["import_parent"], found.totals["rejected"])

    async def test_what_lies_too_deep_waits_for_the_next_run(self, counted: Counted) -> None:
        """The upper levels go in, the others say why; that takes no look for each level."""
        lines = [*below_each_other(104), line("job_role", "r", required_skills=needs("s101"))]

        found, calls = await counted(lines)

        assert 2 == found.totals["rejected"]
        assert ["invalid-body"] * 2 == [found.reason(number)[0] for number in (103, 104)]
        assert 3 >= calls["import_parent"]

    @pytest.mark.parametrize(
        "lines,expected",
        [
            ({"a": ["b"], "b": ["a"], "c": ["a"], "d": []}, (False, [None, None, None, 0])),
            ({str(n): [str(n - 1)] if n else [] for n in range(103)},
             (True, [*range(102), None])),
        ],
        ids=["a circle", "too deep"],
    )  # fmt: skip
    async def test_too_deep_is_told_from_round_in_a_circle(
        self,
        superuser: asyncpg.Connection,
        tenant: Tenant,
        lines: dict[str, list[str]],
        expected: tuple[bool, list[int | None]],
    ) -> None:
        """Neither has a depth; only of the first it is known that it lies below the others."""
        parents = {
            name: json.dumps({"parent_ids": [ref(one) for one in above]})
            for name, above in lines.items()
        }
        async with superuser.transaction():
            await become(superuser, tenant.author)
            await superuser.execute(
                "INSERT INTO app.import_line (tenant_id, import_id, line, governance_agent_id,"
                " kind, external_id, body) SELECT app.tenant_id(), app.tenant_id(), place,"
                " app.governance_agent_id(), 'skill', name, body FROM unnest($1::text[],"
                " $2::jsonb[]) WITH ORDINALITY AS given (name, body, place)",
                [*parents],
                [*parents.values()],
            )
            deep = await superuser.fetchval("SELECT app.import_depths($1)", tenant.id)
            rows = await superuser.fetch(
                "SELECT depth FROM app.import_line WHERE import_id = $1 ORDER BY line", tenant.id
            )
            await superuser.execute("DELETE FROM app.import_line WHERE import_id = $1", tenant.id)

        assert expected == (deep, [row["depth"] for row in rows])


async def test_names(repository: Repository, superuser: asyncpg.Connection, tenant: Tenant) -> None:
    """Who wants what another line gives up waits for that line, and nobody waits for himself.

    Nor for a line that gives nothing up.
    """

    def coded(which: str, code: str, **more: Any) -> Line:
        return line("industry", which, **{"scheme": "S", "code": code, "level": 1} | more)

    first = [line("skill", "a"), line("skill", "b"), line("skill", "c", name="Weg")]
    first += [coded("i", "1"), coded("j", "2"), coded("l", "5"), coded("o", "6")]
    await imported(repository, tenant, first)
    lines = {
        1: line("skill", "a", name="New"),
        2: line("skill", "b", name="SKILL A"),
        3: line("skill", "c", name="WEG"),
        4: line("job_role", "r", name="skill b"),
        5: coded("i", "2"),
        6: coded("j", "3"),
        7: coded("k", "9", level=2, name="industry j"),
        8: coded("l", "5"),
        9: coded("m", "8", name="industry l"),
        10: coded("o", "6", name="Newer"),
        11: coded("n", "7", name="INDUSTRY O"),
    }
    async with superuser.transaction():
        await become(superuser, tenant.author)
        await superuser.execute(STAGE, tenant.id, staged(lines))
        rows = await superuser.fetch("SELECT * FROM app.import_names($1, $2)", tenant.id, [*lines])
        await superuser.execute("SELECT app.import_end($1)", tenant.id)

    assert {(2, 1), (5, 6), (11, 10)} == {tuple(row) for row in rows}


@pytest.mark.parametrize(
    "after,before,expected",
    [
        ([], [], {}),
        ([2, 3, 3], [1, 1, 2], {1: 0, 2: 1, 3: 2}),
        ([5, 5], [1, 1], {1: 0, 5: 1}),
        ([1, 2, 3, 4], [2, 1, 2, 9], {1: None, 2: None, 3: None, 9: 0, 4: 1}),
        ([7], [7], {7: None}),
    ],
)
async def test_levels(
    superuser: asyncpg.Connection,
    after: list[int],
    before: list[int],
    expected: dict[int, int | None],
) -> None:
    """The longest way to a node counts; in a cycle and behind one there is no level."""
    rows = await superuser.fetch("SELECT node, level FROM app.levels($1, $2)", after, before)

    assert expected == {row[0]: row[1] for row in rows}


async def test_of_teams_in_force_the_first_line_gets_the_name(
    repository: Repository, superuser: asyncpg.Connection, tenant: Tenant
) -> None:
    """Wherever the lines lie that were staged: the last ones first, and no index is asked."""
    names = ("t1", "t2", "t3", "t4")
    own = staff("welder", "metal")
    have = {"skill_ids": [ref("weld"), ref("cut")]}
    crews = [line("team", one, **own) for one in names]
    crews += [line("agent", one, **own, **have, team_id=ref(one)) for one in names]
    await imported(repository, tenant, workshop() + crews, active=True)
    lines = {n: crews[n - 1] | {"name": "Same" if n < 3 else f"New {n}"} for n in range(1, 5)}
    lines[5] = line("agent", "new", **own, **have, team_id=ref("t4"))
    async with superuser.transaction():
        await become(superuser, tenant.author, tenant.certifier)
        await superuser.execute(STAGE, tenant.id, staged(dict(reversed(lines.items()))))
        await superuser.execute("SET LOCAL enable_indexscan = off")
        await superuser.execute("SET LOCAL enable_bitmapscan = off")
        told = await superuser.fetch(
            "SELECT line, outcome FROM app.import_try($1, $2, TRUE)", tenant.id, [*lines]
        )
        await superuser.execute("SELECT app.import_end($1)", tenant.id)

    assert {1: "amended", 2: "rejected", 3: "amended", 4: "amended", 5: "created"} == {
        row["line"]: row["outcome"] for row in told
    }


@pytest.mark.parametrize(
    "ones,others,expected",
    [
        ([], [], {}),
        ([4, 9], [9, 6], {4: 4, 6: 4, 9: 4}),
        ([8, 3, 2], [7, 2, 2], {7: 7, 8: 7, 2: 2, 3: 2}),
        (
            [1, 3, 5, 7, 7],
            [2, 4, 6, 8, 1],
            dict.fromkeys((1, 2, 7, 8), 1) | {3: 3, 4: 3, 5: 5, 6: 5},
        ),
    ],
)
async def test_components(
    superuser: asyncpg.Connection, ones: list[int], others: list[int], expected: dict[int, int]
) -> None:
    """Each node has the lowest number of those that it is connected with."""
    rows = await superuser.fetch("SELECT node, lowest FROM app.components($1, $2)", ones, others)

    assert expected == {row[0]: row[1] for row in rows}
