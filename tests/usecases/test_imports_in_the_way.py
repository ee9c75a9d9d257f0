"""What a rejected line says: whose line it is, what is in its way, and which cause it has."""

from typing import Any

import asyncpg
import msgspec
import pytest

from service.repository.base import Repository
from tests.api import Api
from tests.factories import Tenant, create, industry_body, raise_to, skill_body, step
from tests.imports import Line, Outcome, imported, line, needs, ref, state

CODED = {"scheme": "S", "code": "1", "level": 1}


def problem(found: Outcome, number: int) -> dict[str, Any]:
    """Give the problem of a rejected line as JSON has it."""
    told: dict[str, Any] = msgspec.to_builtins(found[number].problem)
    return told


def rules(found: Outcome, number: int) -> list[tuple[str, str]]:
    """Give pointer and rule of each fault of a line."""
    return [(fault["pointer"], fault["rule"]) for fault in problem(found, number)["errors"]]


class TestTaken:
    """A line whose name, code or external id is taken names who has it, as POST does."""

    async def test_by_another_line(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """The line before it made the entity that is in the way."""
        lines = [
            line("skill", "a", name="Same"),
            line("skill", "b", name="sAME"),
            line("industry", "i", name="Same", **CODED),
            line("industry", "j", name="same", **CODED | {"code": "2"}),
            line("industry", "k", name="Other", **CODED),
            # Of four that have this name only the one of the same level is in the way.
            line("industry", "m", name="Same", **CODED | {"code": "3", "level": 3}),
            line("industry", "l", name="Same"),
            line("industry", "n", name="Same", **CODED | {"code": "4", "level": 3}),
        ]

        found = await imported(repository, tenant, lines)

        now = await state(superuser, tenant)
        assert {"a", "i", "m", "l"} == set(now)
        assert {2: ("name-taken", now["a"].id), 4: ("name-taken", now["i"].id),
                5: ("code-taken", now["i"].id), 8: ("name-taken", now["m"].id)} == {
            number: (found.reason(number)[0], problem(found, number)["existing_id"])
            for number in (2, 4, 5, 8)
        }  # fmt: skip

    async def test_by_the_registry_for_a_change_too(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """A line that renames, recodes or moves to a level where its name is taken."""
        taken = [line("skill", "a", name="Taken"), line("industry", "i", name="Taken", **CODED)]
        lines = [
            line("skill", "b"),
            line("industry", "j", name="Taken", **CODED | {"code": "2", "level": 2}),
        ]
        await imported(repository, tenant, taken + lines)
        changed: list[Line] = [
            {"kind": "skill", "external_id": "b", "name": "taken"},
            {"kind": "industry", "external_id": "j", "level": 1},
            {"kind": "industry", "external_id": "j", "code": "1"},
        ]

        now = await state(superuser, tenant)
        for one, slug, holder in zip(
            changed, ("name-taken", "name-taken", "code-taken"), ("a", "i", "i"), strict=True
        ):
            found = await imported(repository, tenant, [one])
            assert slug == found.reason(1)[0]
            assert now[holder].id == problem(found, 1)["existing_id"]
            assert now[one["external_id"]].id == str(found[1].id)

    async def test_by_a_draft_of_another_is_not_said(
        self, repository: Repository, tenant: Tenant
    ) -> None:
        """Name, external id and code of a hidden draft are in the way without its id."""
        hidden = [
            await create(
                repository, tenant.certifier, "skill", skill_body(name="Plan", external_id="held")
            ),
            await create(repository, tenant.certifier, "industry", industry_body(**CODED)),
        ]
        lines = [
            line("skill", "b", name="plan"),
            line("skill", "held"),
            line("industry", "j", **CODED),
        ]

        found = await imported(repository, tenant, lines)

        assert ["name-taken", "external-id-taken", "code-taken"] == [
            found.reason(number)[0] for number in (1, 2, 3)
        ]
        assert [None, None, None] == [found[number].id for number in (1, 2, 3)]
        said = repr(found.lines)
        assert not any("existing_id" in problem(found, number) for number in (1, 2, 3))
        assert not any(str(one.id) in said for one in hidden)
        assert {" You cannot see it: it may be another governance agent's draft."} == {
            problem(found, number)["detail"].partition(".")[2] for number in (1, 2, 3)
        }


class TestWhose:
    """A rejected line has the id of the entity that it is about, when the caller may see it."""

    async def test_content_under_review_leads_back_to_draft(
        self, repository: Repository, tenant: Tenant
    ) -> None:
        """As a PATCH that is refused does: it says whose it is, and of no amendment."""
        made = {}
        for kind, body in (("skill", skill_body), ("industry", industry_body)):
            written = await create(repository, tenant.author, kind, body(external_id="x"))
            made[kind] = str(written.id)
            await raise_to(repository, tenant, kind, written.id, "under_review")

        lines = [line("skill", "x", description="New."), line("industry", "x", name="New")]
        found = await imported(repository, tenant, lines)

        for number, kind in enumerate(("skill", "industry"), 1):
            assert "certified-is-immutable" == found.reason(number)[0]
            assert made[kind] == str(found[number].id)
            assert "changes only in draft" in problem(found, number)["detail"]
            assert "amendment" not in problem(found, number)

    @pytest.mark.parametrize(
        "bad,slug",
        [
            ({"name": 5}, "invalid-body"),
            ({"parent_ids": [ref("none")]}, "reference-not-found"),
            ({"parent_ids": [ref("x")]}, "parent-cycle"),
            ({"name": "Taken"}, "name-taken"),
        ],
    )
    async def test_whatever_is_wrong_with_the_line(
        self, repository: Repository, tenant: Tenant, bad: dict[str, Any], slug: str
    ) -> None:
        """Found on reading or by the database: the entity has an id either way."""
        made = await imported(
            repository, tenant, [line("skill", "x"), line("skill", "other", name="Taken")]
        )

        found = await imported(repository, tenant, [line("skill", "x", **bad), line("skill", "x")])

        assert slug == found.reason(1)[0]
        assert made[1].id == found[1].id
        assert made[1].id == found[2].id

    async def test_an_archived_one_too_and_a_new_one_not(
        self, repository: Repository, tenant: Tenant
    ) -> None:
        """What is archived is seen; what never went in has no id."""
        made = await create(repository, tenant.author, "skill", skill_body(external_id="old"))
        await step(repository, tenant.author, "skill", made.id, "archived")
        lines: list[Line | bytes] = [
            line("skill", "old"), line("skill", "new", category="none"), b"[]",
        ]  # fmt: skip

        found = await imported(repository, tenant, lines)

        assert [made.id, None, None] == [found[number].id for number in (1, 2, 3)]

    async def test_a_long_external_id_is_told_whole(
        self, repository: Repository, tenant: Tenant
    ) -> None:
        """255 characters are an id; what is longer cannot be one and is cut."""
        lines = [line("skill", length * "x", category="none") for length in (255, 256)]

        found = await imported(repository, tenant, lines)

        assert 255 * "x" == found[1].external_id
        assert 99 * "x" + "…" == found[2].external_id


class TestCauses:
    """Each cause has words, a rule and a pointer of its own."""

    @pytest.mark.parametrize(
        "raw,fault",
        [
            (b"[]", ("", "type")),
            (b"null", ("", "type")),
            (b'"skill"', ("", "type")),
            (b"{}", ("/kind", "required")),
            (b'{"external_id": "a", "name": "n"}', ("/kind", "required")),
            (b'{"kind": null, "external_id": "a"}', ("/kind", "one-of")),
            (b'{"kind": "animal", "external_id": "a"}', ("/kind", "one-of")),
            (b'{"kind": "skill", "name": "' + b"x" * 2**20 + b'"}', ("", "size")),
        ],
    )
    async def test_of_lines_that_are_no_line(
        self, repository: Repository, tenant: Tenant, raw: bytes, fault: tuple[str, str]
    ) -> None:
        """The pointer is empty where the line as a whole is meant."""
        found = await imported(repository, tenant, [raw])

        assert [fault] == rules(found, 1)
        assert "The body" not in problem(found, 1)["detail"]

    async def test_of_references_by_either_id(self, repository: Repository, tenant: Tenant) -> None:
        """What was not found is called by the field that named it."""
        role = line("job_role", "r", industry_id=ref("none"))
        role["required_skills"] = [
            *needs("none"),
            {"id": "0198f3a2-7d5e-7c31-9a44-3f0c2c9f1b77", "relation": "optional"},
        ]
        team = line("team", "t", job_role_id=ref("none"), industry_id=ref("none"))

        found = await imported(repository, tenant, [role, team])

        assert {
            "/industry_id/external_id": "No industry with this external_id is visible to you.",
            "/required_skills/0/external_id": "No skill with this external_id is visible to you.",
            "/required_skills/1/id": "No skill with this id is visible to you.",
        } == {fault["pointer"]: fault["message"] for fault in problem(found, 1)["errors"]}
        assert "No job role with this external_id is visible to you." in {
            fault["message"] for fault in problem(found, 2)["errors"]
        }

    async def test_of_repeated_lines(self, repository: Repository, tenant: Tenant) -> None:
        """The first line is called what a person calls it."""
        lines: list[Line | bytes] = [
            b"", line("skill", "a"), line("skill", "b"), line("skill", "a"),
        ]  # fmt: skip

        plain = await imported(repository, tenant, lines)
        placed = await imported(repository, tenant, lines, naming="line {} of a.ndjson".format)

        told = [problem(found, 4) for found in (plain, placed)]
        assert [
            ("Line 2 is about the same entity.", "is also that of line 2"),
            (
                "Line 2 of a.ndjson is about the same entity.",
                "is also that of line 2 of a.ndjson",
            ),
        ] == [(one["detail"], one["errors"][0]["message"]) for one in told]
        assert [("/external_id", "duplicate")] == rules(plain, 4)

    async def test_of_parents(self, repository: Repository, tenant: Tenant) -> None:
        """In a cycle, below one, and too deep are told apart; of the deep the upper ones go in."""

        def under(name: str, *above: str) -> Line:
            return line("skill", name, parent_ids=[ref(one) for one in above])

        cycle = [under("a", "c"), under("b", "a", "top"), under("c", "b"), line("skill", "top")]
        below = [under("below", "c"), under("lower", "below", "top")]

        found = await imported(repository, tenant, cycle + below)

        assert ["rejected"] * 3 + ["created"] + ["rejected"] * 2 == found.outcomes
        told = [problem(found, number)["detail"] for number in (1, 2, 3, 5, 6)]
        assert 3 == sum("run in a cycle" in detail for detail in told)
        assert 2 == sum("below a cycle" in detail for detail in told[3:])
        assert {("parent-cycle", ("/parent_ids",))} == {
            (slug, tuple(pointers)) for slug, pointers in map(found.reason, (1, 2, 3, 5, 6))
        }

    @pytest.mark.parametrize("cycle", [False, True])
    async def test_of_parents_that_lie_too_deep(
        self, repository: Repository, tenant: Tenant, *, cycle: bool
    ) -> None:
        """The same import again takes those whose turn had not come; a cycle stays one."""
        chain = [line("skill", f"s{n}", parent_ids=[ref(f"s{n - 1}")] if n else [])
                 for n in range(110)]  # fmt: skip
        if cycle:
            chain += [line("skill", "x", parent_ids=[ref("y")]),
                      line("skill", "y", parent_ids=[ref("x")])]  # fmt: skip
        chain.reverse()

        found = await imported(repository, tenant, chain)

        deep = [one for one in found.lines
                if one.problem and "over 100 deep" in one.problem["detail"]]  # fmt: skip
        assert (8, 2 * cycle) == (len(deep), found.totals["rejected"] - len(deep))
        assert [("/parent_ids", "depth")] == rules(found, deep[0].line)
        if cycle:
            assert {"parent-cycle"} == {found.reason(number)[0] for number in (1, 2)}
        again = await imported(repository, tenant, chain)
        assert (8, 2 * cycle) == (again.totals["created"], again.totals["rejected"])

    async def test_of_parents_that_lie_twice_as_deep(
        self, repository: Repository, tenant: Tenant
    ) -> None:
        """However far below the hundredth: each is too deep, and none is in a cycle."""
        chain = [line("skill", f"s{n}", parent_ids=[ref(f"s{n - 1}")] if n else [])
                 for n in range(210)]  # fmt: skip

        found = await imported(repository, tenant, chain)

        assert (102, 108) == (found.totals["created"], found.totals["rejected"])
        assert {(("/parent_ids", "depth"),)} == {
            tuple(rules(found, number)) for number in range(103, 211)
        }

    async def test_of_lines_that_are_refused_on_reading_in_their_order(
        self, repository: Repository, tenant: Tenant
    ) -> None:
        """More than a chunk holds: none waits for a name, which it will not take anyway."""
        await imported(repository, tenant, [line("skill", "a")])
        twice: list[Line | bytes] = [line("skill", "a", name="Other"), line("skill", "a")]

        found = await imported(repository, tenant, [*twice, *[b"[]"] * 500])

        assert "amended" == found[1].outcome
        assert [*range(2, 503)] == [one.line for one in found.lines if one.outcome == "rejected"]


@pytest.mark.parametrize(
    "given",
    [{"scheme": "S"}, {"code": "1"}, {"level": 1}, {"scheme": "S", "level": 1},
     {"scheme": "S", "code": None}, {"code": "1", "level": 1}],
)  # fmt: skip
async def test_a_classification_that_is_not_whole_points_where_post_does(
    api: Api, repository: Repository, given: dict[str, Any]
) -> None:
    """The first of scheme, code and level that is not there, by either way in."""
    refused = await api.post("/v1/industries", industry_body() | given)
    found = await imported(repository, api.tenant, [line("industry", "i", **given)])

    (error,) = refused.json["errors"]
    assert [(error["pointer"], error["rule"])] == rules(found, 1)
    assert "all-or-none" == error["rule"]
