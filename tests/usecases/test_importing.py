"""Imports as the service runs them: what becomes of each line, and what the tables say then."""

import json
import random
from typing import Any

import asyncpg
import pytest

from service.errors import ScopeMissing, Unauthenticated
from service.repository.base import Repository
from service.usecases.outcomes import OUTCOMES
from tests.factories import Tenant, amend, create, make_world, skill_body, step
from tests.imports import (
    Line,
    as_active,
    imported,
    line,
    many,
    needs,
    ref,
    staff,
    state,
    workshop,
)

NOTHING = dict.fromkeys(OUTCOMES, 0)


class TestUpsert:
    """A line says what an entity should be; what differs is written."""

    async def test_new_changed_and_equal_lines(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """New ones are created, changed drafts amended, equal ones left alone: no entry."""
        first = await imported(repository, tenant, [line("skill", "a"), line("skill", "b")])
        again = [line("skill", "a"), line("skill", "b", description="New."), line("skill", "c")]

        second = await imported(repository, tenant, again)

        assert ["created", "created"] == first.outcomes
        assert ["unchanged", "amended", "created"] == second.outcomes
        assert NOTHING | {"created": 1, "amended": 1, "unchanged": 1} == second.totals
        now = await state(superuser, tenant)
        assert [now[name].id for name in "abc"] == [str(one.id) for one in second.lines]
        assert {"a": ["create"], "b": ["create", "amend"], "c": ["create"]} == {
            name: entity.operations for name, entity in now.items()
        }
        assert "New." == now["b"].document["description"]

    @pytest.mark.parametrize("active", [False, True])
    async def test_the_same_lines_twice_change_nothing(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection, *, active: bool
    ) -> None:
        """A second import of all kinds reports unchanged and writes no entry."""
        first = await imported(repository, tenant, workshop(), active=active)
        before = await state(superuser, tenant)

        second = await imported(repository, tenant, workshop(), active=active)

        assert NOTHING | {"created": 7} == first.totals
        assert NOTHING | {"unchanged": 7} == second.totals
        assert before == await state(superuser, tenant)
        assert {"active" if active else "draft"} == {one.status for one in before.values()}

    async def test_absent_fields_stay_and_given_lists_replace(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """What a line does not name stays; a list that it names is the whole list."""
        whole = line(
            "skill",
            "a",
            tags=["x", "y"],
            aliases=["one", "two"],
            custom_attributes={"k": 1, "l": [1, {"m": None}]},
            governance_notes="Mind the gap.",
            parent_ids=[ref("p")],
        )
        await imported(repository, tenant, [line("skill", "p"), whole])

        part: Line = {"kind": "skill", "external_id": "a", "tags": ["z"], "parent_ids": []}
        found = await imported(repository, tenant, [part])

        assert ["amended"] == found.outcomes
        document = (await state(superuser, tenant))["a"].document
        assert (["z"], []) == (document["tags"], document["parent_ids"])
        for field in ("name", "description", "aliases", "custom_attributes", "governance_notes"):
            assert whole[field] == document[field]

    async def test_lists_equal_but_for_their_order_are_unchanged(
        self, repository: Repository, tenant: Tenant
    ) -> None:
        """Tags, parents and skills are sets: their order in a line makes no version."""
        lines = [line("skill", name) for name in "pqr"]
        lines += [
            line("skill", "a", tags=["x", "y"], parent_ids=[ref("p"), ref("q")]),
            line("job_role", "role", required_skills=needs("p", "q", "r")),
        ]
        await imported(repository, tenant, lines)
        lines[3] |= {"tags": ["y", "x"], "parent_ids": [ref("q"), ref("p")]}
        lines[4]["required_skills"] = needs("r", "p", "q")

        again = await imported(repository, tenant, lines)

        assert NOTHING | {"unchanged": 5} == again.totals

    async def test_an_embedding_is_compared_by_its_hash(
        self, repository: Repository, tenant: Tenant
    ) -> None:
        """The document does not hold the vector, yet the same vector is no change."""
        given = line("skill", "a", embedding_384=[0.1] * 384)
        other = given | {"embedding_384": [0.2] * 384}

        told = [
            (await imported(repository, tenant, [one])).outcomes[0]
            for one in (given, given, other, other | {"embedding_384": None})
        ]

        assert ["created", "unchanged", "amended", "amended"] == told

    async def test_a_required_field_may_stay_out_of_a_change_only(
        self, repository: Repository, tenant: Tenant
    ) -> None:
        """A new entity without its category is rejected at that field; a known one is not."""
        part: Line = {"kind": "skill", "external_id": "a", "name": "known"}
        await imported(repository, tenant, [line("skill", "a")])

        found = await imported(repository, tenant, [part, line("skill", "b", category=...)])

        assert "amended" == found[1].outcome
        assert ("invalid-body", ["/category"]) == found.reason(2)

    async def test_the_same_external_id_twice_in_one_file(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """The first line counts and later ones are rejected: so a second import changes nothing."""
        lines = [line("skill", "a", description=text) for text in ("1", "2", "1")]
        lines.insert(2, line("industry", "a"))  # another kind: another entity

        for outcome in ("created", "unchanged"):
            found = await imported(repository, tenant, lines)
            assert [outcome, "rejected", outcome, "rejected"] == found.outcomes
            for number in (2, 4):
                assert ("invalid-body", ["/external_id"]) == found.reason(number)

        assert {"1", "What it is."} == {
            json.loads(row["document"])["description"]
            for row in await superuser.fetch(
                "SELECT document FROM app.base_entity WHERE tenant_id = $1", tenant.id
            )
        }

    async def test_nothing_to_import(self, repository: Repository, tenant: Tenant) -> None:
        """No line, or none but blank ones, is an import that did nothing."""
        assert NOTHING == (await imported(repository, tenant, [])).totals
        assert NOTHING == (await imported(repository, tenant, [b"", b"  ", b"\r"])).totals


class TestOrder:
    """Lines may come in any order."""

    @pytest.mark.parametrize("active", [False, True])
    @pytest.mark.parametrize("seed", range(4))
    async def test_any_order_of_lines_gives_the_same(
        self,
        repository: Repository,
        tenant: Tenant,
        superuser: asyncpg.Connection,
        seed: int,
        *,
        active: bool,
    ) -> None:
        """Kinds and parents in whatever order: everything goes in, each with one entry."""
        lines = workshop()
        lines += [
            line("skill", f"deep-{depth}", parent_ids=[ref(f"deep-{depth - 1}")] if depth else [])
            for depth in range(6)
        ]
        random.Random(seed).shuffle(lines)

        found = await imported(repository, tenant, lines, active=active)

        assert NOTHING | {"created": len(lines)} == found.totals
        now = await state(superuser, tenant)
        assert {1} == {entity.version for entity in now.values()}
        for depth in range(1, 6):
            above = now[f"deep-{depth - 1}"].id
            assert [above] == now[f"deep-{depth}"].document["parent_ids"]
        assert {now["hall"].id} == {now[f"robot-{n}"].document["team_id"] for n in (1, 2)}

    @pytest.mark.parametrize("active", [False, True])
    async def test_agents_may_be_parents_across_teams(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection, *, active: bool
    ) -> None:
        """Members of two new teams that are each other's parents come in all the same."""
        have = {"skill_ids": [ref("weld"), ref("cut")]}
        lines = [
            line("agent", "b-low", **staff("welder", "metal", team_id=ref("b"), **have)),
            line("agent", "a-low", **staff("welder", "metal", team_id=ref("a"), **have)),
            line("agent", "a-top", **staff("welder", "metal", team_id=ref("a"), **have)),
            line("agent", "b-top", **staff("welder", "metal", team_id=ref("b"), **have)),
            line("team", "a", **staff("welder", "metal"), parent_ids=[ref("b")]),
            line("team", "b", **staff("welder", "metal")),
        ]
        lines[0]["parent_ids"] = [ref("a-top")]
        lines[1]["parent_ids"] = [ref("b-top"), ref("b-low")]

        found = await imported(repository, tenant, lines + workshop(), active=active)

        assert NOTHING | {"created": 13} == found.totals
        now = await state(superuser, tenant)
        assert sorted([now["b-top"].id, now["b-low"].id]) == now["a-low"].document["parent_ids"]

    async def test_many_chunks_of_each_kind(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """More than a chunk holds, each needing what is far away in the file."""
        skills = [line("skill", f"s{n}", parent_ids=[ref(f"s{n // 2}")]) for n in range(1, 1300)]
        skills[0]["parent_ids"] = []
        roles = [line("job_role", f"r{n}", required_skills=needs(f"s{n + 1}")) for n in range(700)]

        found = await imported(repository, tenant, [*roles, *reversed(skills)], active=True)

        assert NOTHING | {"created": 1999} == found.totals
        now = await state(superuser, tenant)
        assert now["s1299"].document["parent_ids"] == [now["s649"].id]

    async def test_what_is_in_the_registry_needs_no_line(
        self, repository: Repository, tenant: Tenant
    ) -> None:
        """References by id and by external id lead to entities that came before."""
        world = await make_world(repository, tenant)
        made = await imported(repository, tenant, [line("skill", "a")])
        role = line("job_role", "role", industry_id={"id": world.industry})
        role["required_skills"] = [
            {"id": world.skill, "relation": "essential"},
            {"external_id": "a", "relation": "optional"},
        ]

        found = await imported(repository, tenant, [role])

        assert (["created"], ["created"]) == (made.outcomes, found.outcomes)


class TestCycles:
    """Nobody is above itself."""

    async def test_among_new_lines(self, repository: Repository, tenant: Tenant) -> None:
        """Lines in a cycle, and those beneath one, are rejected; the rest goes in."""
        lines = [
            line("skill", "a", parent_ids=[ref("c")]),
            line("skill", "b", parent_ids=[ref("a")]),
            line("skill", "c", parent_ids=[ref("b")]),
            line("skill", "below", parent_ids=[ref("a")]),
            line("skill", "itself", parent_ids=[ref("itself")]),
            line("skill", "fine"),
        ]

        found = await imported(repository, tenant, lines)

        assert ["rejected"] * 5 + ["created"] == found.outcomes
        assert {("parent-cycle", ("/parent_ids",))} == {
            (slug, tuple(pointers)) for slug, pointers in map(found.reason, range(1, 6))
        }
        assert ["a", "b", "c", "below", "itself", None] == [
            one.external_id for one in sorted(found.lines, key=lambda one: one.line)
        ]

    async def test_against_what_is_there(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """A line that would close a cycle with entities in the registry is rejected alone."""
        await imported(
            repository, tenant, [line("skill", "top"), line("skill", "a", parent_ids=[ref("top")])]
        )
        before = (await state(superuser, tenant))["top"]
        lines = [
            line("skill", "new", parent_ids=[ref("a")]),
            line("skill", "top", parent_ids=[ref("new")]),
            line("skill", "a", description="Changed."),
        ]

        found = await imported(repository, tenant, lines)

        assert ["created", "rejected", "amended"] == found.outcomes
        assert ("parent-cycle", ["/parent_ids"]) == found.reason(2)
        assert before == (await state(superuser, tenant))["top"]

    async def test_two_known_ones_that_become_each_others_parent(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """One of the two lines holds, the other is rejected."""
        await imported(repository, tenant, [line("skill", "a"), line("skill", "b")])
        lines = [
            line("skill", "a", parent_ids=[ref("b")]),
            line("skill", "b", parent_ids=[ref("a")]),
        ]

        found = await imported(repository, tenant, lines)

        assert ["amended", "rejected"] == found.outcomes
        assert [2, 1] == [(await state(superuser, tenant))[name].version for name in "ab"]


class TestRejected:
    """A line that cannot go in says why and whose it is; the rest goes in."""

    @pytest.mark.parametrize(
        "kind,field,value,pointer",
        [
            ("skill", "parent_ids", [ref("x")], "/parent_ids/0/external_id"),
            ("job_role", "required_skills", [*needs("known", "x")],
             "/required_skills/1/external_id"),
            ("job_role", "industry_id", ref("x"), "/industry_id/external_id"),
            ("job_role", "industry_id", ref("known"), "/industry_id/external_id"),
            ("job_role", "industry_id", {"id": "0198f3a2-7d5e-7c31-9a44-3f0c2c9f1b77"},
             "/industry_id/id"),
        ],
    )  # fmt: skip
    async def test_references_to_nothing(
        self,
        repository: Repository,
        tenant: Tenant,
        kind: str,
        field: str,
        value: Any,
        pointer: str,
    ) -> None:
        """The pointer leads to the reference, which may also be of the wrong kind."""
        lines = [line("skill", "known"), line(kind, "a", **{field: value})]

        found = await imported(repository, tenant, lines)

        assert ["created", "rejected"] == found.outcomes
        assert ("reference-not-found", [pointer]) == found.reason(2)
        assert "a" == found[2].external_id

    @pytest.mark.parametrize(
        "raw,slug,pointers,external_id",
        [
            (b'{"kind": "skill", "external_id": "a"', "malformed-json", [], None),
            (b"\xff\xfe", "malformed-json", [], None),
            (b"[]", "invalid-body", [""], None),
            (b"null", "invalid-body", [""], None),
            (b'{"kind": "animal", "external_id": "a"}', "invalid-body", ["/kind"], "a"),
            (b'{"external_id": "a"}', "invalid-body", ["/kind"], "a"),
            (b'{"kind": "skill", "name": "n"}', "invalid-body", ["/external_id"], None),
            (b'{"kind": "skill", "external_id": ""}', "invalid-body", ["/external_id"], ""),
            (b'{"kind": "skill", "external_id": "a\\u0000"}', "invalid-body", ["/external_id"],
             "a\ufffd"),
            (b'{"kind": "skill", "external_id": "a", "x\\u0000y": 1}', "invalid-body",
             ["/x\ufffdy"], "a"),
            (b'{"kind": "skill", "external_id": "a", "status": "active"}', "invalid-body",
             ["/status"], "a"),
            (b'{"kind": "skill", "external_id": "a", "name": 5, "tags": [""]}', "invalid-body",
             ["/name", "/tags/0"], "a"),
            (b'{"kind": "industry", "external_id": "a", "level": 9223372036854775808}',
             "invalid-body", ["/level"], "a"),
            (b"[" * 100_000, "malformed-json", [], None),
            (b'{"kind": "skill", "external_id": "a", "description": "' + b"x" * 2**20 + b'"}',
             "invalid-body", [""], "a"),
        ],
    )  # fmt: skip
    async def test_lines_that_are_no_line(
        self,
        repository: Repository,
        tenant: Tenant,
        raw: bytes,
        slug: str,
        pointers: list[str],
        external_id: str | None,
    ) -> None:
        """What cannot be read is rejected with its number, and with its owner if it names one."""
        found = await imported(repository, tenant, [line("skill", "x"), raw, line("skill", "y")])

        assert ["created", "rejected", "created"] == found.outcomes
        assert (slug, pointers) == found.reason(2)
        assert external_id == found[2].external_id

    async def test_blank_lines_and_line_ends_count(
        self, repository: Repository, tenant: Tenant
    ) -> None:
        """Numbers are those that an editor shows: blank ones count, CR LF ends one too."""
        lines = [b"", b'{"kind": "skill"}\r', b" \t\r", b"", b'{"kind": "skill"}']

        found = await imported(repository, tenant, lines)

        assert [2, 5] == [one.line for one in found.lines]
        assert NOTHING | {"rejected": 2} == found.totals

    @pytest.mark.parametrize("bad", [1, 40])
    async def test_bad_lines_go_out_alone(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection, bad: int
    ) -> None:
        """Of 1,000 lines those that the tables refuse are rejected and all others are in."""
        lines = many(1000)
        wrong = random.Random(bad).sample(range(1000), bad)
        for number in wrong:
            lines[number]["name"] = "taken"
        await imported(repository, tenant, [line("skill", "first", name="Taken")])

        found = await imported(repository, tenant, lines)

        assert sorted(number + 1 for number in wrong) == sorted(
            one.line for one in found.lines if one.outcome == "rejected"
        )
        assert {("name-taken", ("/name",))} == {
            (slug, tuple(pointers))
            for slug, pointers in (found.reason(number + 1) for number in wrong)
        }
        assert 1001 - bad == len(await state(superuser, tenant))

    async def test_names_and_codes_that_are_taken(
        self, repository: Repository, tenant: Tenant
    ) -> None:
        """In one file and against the registry; industries may share a name between levels."""
        coded = {"scheme": "S", "code": "1", "level": 1}
        lines = [
            line("skill", "a", name="Same"),
            line("skill", "b", name="sAME"),
            line("industry", "i", name="Same", **coded),
            line("industry", "j", name="Same", **coded | {"code": "1.1", "level": 2}),
            line("industry", "k", name="Other", **coded),
        ]

        found = await imported(repository, tenant, lines)

        assert ["created", "rejected", "created", "created", "rejected"] == found.outcomes
        assert "name-taken" == found.reason(2)[0]
        assert ("code-taken", ["/code"]) == found.reason(5)

    async def test_anothers_draft_is_in_the_way_without_being_shown(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """Its external id is taken, and that is all that is said."""
        secret = skill_body(name="hidden plan", external_id="held")
        made = await create(repository, tenant.certifier, "skill", secret)
        lines = [line("skill", "held"), line("skill", "other", parent_ids=[ref("held")])]

        found = await imported(repository, tenant, lines)

        assert ("external-id-taken", ["/external_id"]) == found.reason(1)
        assert ("reference-not-found", ["/parent_ids/0/external_id"]) == found.reason(2)
        said = repr(found.lines)
        assert "hidden plan" not in said
        assert str(made.id) not in said
        assert 1 == (await state(superuser, tenant))["held"].version

    async def test_what_is_archived_stays(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """An archived entity keeps its external id and refuses its line, a change or none."""
        begun = await imported(repository, tenant, [line("skill", "old")])
        await step(repository, tenant.author, "skill", str(begun[1].id), "archived")

        for active in (False, True):
            for fields in ({}, {"description": "Other."}):
                lines = [line("skill", "old", **fields)]
                found = await imported(repository, tenant, lines, active=active)
                assert "step-not-allowed" == found.reason(1)[0]

        assert ["create", "archive"] == (await state(superuser, tenant))["old"].operations


class TestAsActive:
    """Two identities bring entities into force with one entry each."""

    async def test_each_entry_names_both(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """One entry per entity, operation import, actor and key of author and certifier."""
        await imported(repository, tenant, workshop(), active=True)

        now = (await state(superuser, tenant)).values()
        author, certifier = tenant.author.context, tenant.certifier.context
        assert {("active", 1)} == {(one.status, one.version) for one in now}
        assert {("import",)} == {tuple(one.operations) for one in now}
        agents = f"{author.governance_agent_id}+{certifier.governance_agent_id}"
        assert {(agents,)} == {tuple(one.actors) for one in now}
        assert {(f"{author.key_id}+{certifier.key_id}",)} == {tuple(one.keys) for one in now}

    async def test_own_drafts_are_raised_changed_or_not(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """A draft of the author's enters force, with its changes, by one more entry."""
        await imported(repository, tenant, workshop())
        lines = workshop()
        lines[0]["description"] = "Changed."

        found = await imported(repository, tenant, lines, active=True)

        assert NOTHING | {"amended": 7} == found.totals
        now = await state(superuser, tenant)
        assert {("active", ("create", "import"))} == {
            (one.status, tuple(one.operations)) for one in now.values()
        }
        assert "Changed." == now["weld"].document["description"]
        hidden = await superuser.fetchval(
            "SELECT count(*) FROM app.job_role_skill WHERE tenant_id = $1 "
            "AND private_to IS NOT NULL",
            tenant.id,
        )
        assert 0 == hidden

    @pytest.mark.parametrize(
        "made,rule",
        [
            (line("job_role", "a"), "L1-ROLE-1"),
            (line("job_role", "a", required_skills=needs("draft")), "L1-ROLE-2"),
            (line("job_role", "a", required_skills=needs("weld"), seniority_level=None),
             "L1-ROLE-3"),
            (line("team", "a", **staff("welder", "metal")), "L1-TEAM-3"),
            (line("agent", "a", **staff("welder", "metal", skill_ids=[ref("weld")])),
             "L1-AGENT-3"),
        ],
    )  # fmt: skip
    async def test_what_breaks_a_rule_is_rejected(
        self,
        repository: Repository,
        tenant: Tenant,
        superuser: asyncpg.Connection,
        made: Line,
        rule: str,
    ) -> None:
        """The check that fails is named, the rest enters force, nothing of the line is left."""
        await imported(repository, tenant, [line("skill", "draft")])

        found = await imported(repository, tenant, [made, *workshop()], active=True)

        assert NOTHING | {"created": 7, "rejected": 1} == found.totals
        assert "rule-violated" == found.reason(1)[0]
        assert [rule] == [one.rule for one in (found[1].problem or {})["errors"]]
        assert "a" not in await state(superuser, tenant)

    async def test_a_bad_member_goes_out_alone(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """Its team and the other members of this and of other teams are in.

        Whatever is wrong with it, and also where its team's first try was with it.
        """
        lines = workshop()
        have = {"skill_ids": [ref("weld"), ref("cut")]}
        for number in range(6):
            lines.append(line("team", f"t{number}", **staff("welder", "metal")))
            lines += [
                line("agent", f"a{number}-{one}",
                     **staff("welder", "metal", team_id=ref(f"t{number}"), **have))
                for one in range(3)
            ]  # fmt: skip
        numbers = {one["external_id"]: number for number, one in enumerate(lines, 1)}
        lines[numbers["a1-0"] - 1]["skill_ids"] = []
        lines[numbers["a2-0"] - 1]["name"] = "agent robot-1"
        lines[numbers["a3-2"] - 1]["name"] = lines[numbers["a3-1"] - 1]["name"]
        lines[numbers["a4-1"] - 1]["skill_ids"] = [ref("none")]
        lines[numbers["a5-0"] - 1]["skill_ids"] = [ref("none")]
        lines[numbers["a5-1"] - 1]["name"] = "agent robot-2"

        found = await imported(repository, tenant, lines, active=True)

        assert {
            "a1-0": "rule-violated", "a2-0": "name-taken", "a3-2": "name-taken",
            "a4-1": "reference-not-found", "a5-0": "reference-not-found", "a5-1": "name-taken",
        } == {
            one.external_id: found.reason(one.line)[0]
            for one in found.lines
            if one.outcome == "rejected"
        }  # fmt: skip
        assert NOTHING | {"created": len(lines) - 6, "rejected": 6} == found.totals
        assert len(lines) - 6 == len(await state(superuser, tenant))

    async def test_a_team_in_force_is_changed_whoever_cannot_join_it(
        self, repository: Repository, tenant: Tenant
    ) -> None:
        """What its first new members lack is nothing that the team is refused for."""
        await imported(repository, tenant, workshop(), active=True)
        have = {"team_id": ref("hall"), "skill_ids": [ref("weld"), ref("cut")]}
        lost, named, new = (
            line("agent", name, **staff("welder", "metal", **have)) for name in "abc"
        )
        lost["skill_ids"] = [ref("none")]
        named["name"] = "agent robot-1"
        hall = line("team", "hall", **staff("welder", "metal"), description="Larger.")

        found = await imported(repository, tenant, [hall, lost, named, new], active=True)

        assert ["amended", "rejected", "rejected", "created"] == found.outcomes
        assert ("reference-not-found", "name-taken") == (found.reason(2)[0], found.reason(3)[0])

    @pytest.mark.parametrize(
        "bad,slug",
        [
            ({"name": "team hall"}, "name-taken"),
            ({"job_role_id": ref("none")}, "reference-not-found"),
            ({"job_role_id": ref("other")}, "rule-violated"),
            ({"description": ...}, "invalid-body"),
        ],
    )
    async def test_a_bad_team_takes_its_members_with_it(
        self,
        repository: Repository,
        tenant: Tenant,
        superuser: asyncpg.Connection,
        bad: dict[str, Any],
        slug: str,
    ) -> None:
        """The team says its reason, its members that it is not there; other teams are in."""
        have = {"skill_ids": [ref("weld"), ref("cut")]}
        lines = [
            *workshop(),
            line("job_role", "other", required_skills=needs("cut")),
            line("agent", "alone", **staff("welder", "metal", **have)),
            line("team", "bad", **staff("welder", "metal") | bad),
            line("agent", "lost-1", **staff("welder", "metal", team_id=ref("bad"), **have)),
            line("agent", "lost-2", **staff("welder", "metal", team_id=ref("bad"), **have)),
        ]

        found = await imported(repository, tenant, lines, active=True)

        assert ["created"] * 9 + ["rejected"] * 3 == found.outcomes
        assert slug == found.reason(10)[0]
        for number in (11, 12):
            assert ("reference-not-found", ["/team_id/external_id"]) == found.reason(number)
        assert {"bad", "lost-1", "lost-2"}.isdisjoint(await state(superuser, tenant))

    @pytest.mark.parametrize(
        "role,name,message",
        [
            ("other", "new", "All members must share its job role and industry."),
            ("welder", "agent robot-1", "A team needs at least one member."),
        ],
        ids=["with its member", "without one"],
    )
    async def test_a_team_is_told_what_is_wrong_with_it(
        self, repository: Repository, tenant: Tenant, role: str, name: str, message: str
    ) -> None:
        """Together with a member that could come; alone where there is none."""
        have = {"team_id": ref("bad"), "skill_ids": [ref("weld"), ref("cut")]}
        lines = [
            *workshop(),
            line("job_role", "other", required_skills=needs("cut")),
            line("team", "bad", **staff(role, "metal")),
            line("agent", "a", **staff("welder", "metal", **have), name=name),
        ]

        found = await imported(repository, tenant, lines, active=True)

        assert ["created"] * 8 + ["rejected"] * 2 == found.outcomes
        assert ["rule-violated", "reference-not-found"] == [found.reason(n)[0] for n in (9, 10)]
        assert [("L1-TEAM-3", message)] == [
            (one.rule, one.message) for one in (found[9].problem or {})["errors"]
        ]

    async def test_teams_far_from_their_members(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """More agents than a chunk holds, in turns of three teams that come last, all enter.

        Last of all comes a parent of the first, who has no team.
        """
        have = {"skill_ids": [ref("weld"), ref("cut")]}
        lines = workshop()[:4]
        lines += [
            line("agent", f"a{n}", **staff("welder", "metal", team_id=ref(f"t{n % 3}"), **have))
            for n in range(600)
        ]
        lines += [line("team", f"t{n}", **staff("welder", "metal")) for n in range(3)]
        lines += [line("agent", "boss", **staff("welder", "metal", **have))]
        lines[4]["parent_ids"] = [ref("boss")]

        found = await imported(repository, tenant, lines, active=True)

        assert NOTHING | {"created": 608} == found.totals
        assert {1} == {one.version for one in (await state(superuser, tenant)).values()}

    async def test_a_certifier_does_not_certify_own_work(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """What the certifier wrote, in review for all to see, is rejected; the rest goes in."""
        made = await create(repository, tenant.certifier, "skill", skill_body(external_id="own"))
        await step(repository, tenant.certifier, "skill", made.id, "under_review")
        own: Line = {"kind": "skill", "external_id": "own"}

        found = await imported(repository, tenant, [own, line("skill", "a")], active=True)

        assert ["rejected", "created"] == found.outcomes
        assert "own-work" == found.reason(1)[0]
        assert "under_review" == (await state(superuser, tenant))["own"].status

    async def test_both_identities_the_same(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """The tables refuse it too, line by line, when nobody before them did."""
        certifier = tenant.certifier.context
        twice = certifier.__class__(
            tenant_id=certifier.tenant_id,
            governance_agent_id=certifier.governance_agent_id,
            key_id=certifier.key_id,
            certifier_key_id=certifier.key_id,
        )
        found = await imported(repository, tenant, [line("skill", "a")], active=True, context=twice)

        assert "own-work" == found.reason(1)[0]
        assert {} == await state(superuser, tenant)


class TestKeys:
    """The key's row decides, not what the caller says of it."""

    async def test_a_key_without_write_stops_the_import(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """No line is blamed for it, and nothing stays behind."""
        with pytest.raises(ScopeMissing):
            await imported(repository, tenant, [line("skill", "a")], context=tenant.reader.context)

        assert {} == await state(superuser, tenant)

    async def test_a_second_key_without_certify_stops_the_import(
        self, repository: Repository, tenant: Tenant
    ) -> None:
        """Nothing enters force on a key that may not certify."""
        context = as_active(tenant).__class__(
            tenant_id=str(tenant.id),
            governance_agent_id=tenant.author.context.governance_agent_id,
            key_id=tenant.author.context.key_id,
            certifier_key_id=tenant.reader.context.key_id,
        )

        with pytest.raises(ScopeMissing):
            await imported(repository, tenant, [line("skill", "a")], active=True, context=context)

    async def test_a_key_revoked_meanwhile_stops_the_import(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """What was reported is in, the rest is not, and the staged lines are gone."""
        await superuser.execute(
            "UPDATE app.api_key SET revoked_at = now() WHERE tenant_id = $1", tenant.id
        )

        with pytest.raises(Unauthenticated):
            await imported(repository, tenant, many(3))

        assert {} == await state(superuser, tenant)


class TestAmendedElsewhere:
    """An import and others work on the same entities."""

    async def test_a_change_through_the_api_is_taken_back_only_where_the_line_says_so(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """Fields of the line win; fields that it does not name keep the other's change."""
        await imported(repository, tenant, [line("skill", "a")])
        identity = (await state(superuser, tenant))["a"].id
        patch = {"description": "Theirs.", "tags": ["theirs"]}
        await amend(repository, tenant.author, "skill", identity, patch)

        found = await imported(repository, tenant, [line("skill", "a")])

        assert ["amended"] == found.outcomes
        now = (await state(superuser, tenant))["a"]
        assert ("What it is.", ["theirs"]) == (now.document["description"], now.document["tags"])
        assert 3 == now.version
