"""Lines that want what others have: told as a set what each would have been told alone.

And lines that change parents, for which a tenant's others wait: few at a time.
"""

import json
from typing import Any

import asyncpg
import pytest

from service.repository.base import Repository
from tests.factories import Tenant, create, industry_body, raise_to, skill_body
from tests.imports import Line, Outcome, imported, line, needs, ref, state
from tests.sessions import become

PARENTS = "SELECT pg_advisory_xact_lock(hashtextextended('plant parents ' || app.tenant_id(), 0))"
STAGE = "SELECT app.import_stage(app.tenant_id(), $1)"
ARRANGE = "SELECT FROM app.import_arrange(app.tenant_id(), $1)"
APPLY = """
SELECT applied.outcome
FROM (SELECT DISTINCT chunk FROM app.import_line WHERE import_id = app.tenant_id()) AS part
CROSS JOIN LATERAL app.import_apply(app.tenant_id(), part.chunk, $1, TRUE) AS applied
"""
TRIES = """
SELECT coalesce(sum(calls), 0)::integer FROM pg_stat_xact_user_functions
WHERE funcname = 'import_try'
"""


def staged(lines: list[Line]) -> str:
    """Write lines as they are staged."""
    given = [
        {"line": n, "kind": one["kind"], "external_id": one["external_id"], "body": one}
        for n, one in enumerate(lines)
    ]
    return json.dumps(given)


def told(found: Outcome) -> list[Any]:
    """Give what is reported of each line, but for its number."""
    return [
        (one.outcome, one.id, one.external_id, one.problem)
        for one in sorted(found.lines, key=lambda one: one.line)
    ]


async def each_alone(repository: Repository, tenant: Tenant, lines: list[Line]) -> list[Any]:
    """Give what is reported of lines that are imported one by one."""
    return [
        one for each in lines for one in told(await imported(repository, tenant, [each]))
    ]  # fmt: skip


async def test_what_else_is_in_a_line_s_way_comes_first(
    repository: Repository, tenant: Tenant
) -> None:
    """A name is asked last: a line with another fault says that one, with many beside it too."""
    first = [line("skill", f"c{n}", name=f"Ring {n}") for n in range(24)]
    first[9]["parent_ids"] = [ref("c8")]
    await imported(repository, tenant, first)
    made = await create(repository, tenant.author, "skill", skill_body(external_id="review"))
    await raise_to(repository, tenant, "skill", made.id, "under_review")
    ring = [line("skill", f"c{n}", name=f"Ring {(n + 1) % 24}") for n in range(24)]
    ring[3]["parent_ids"] = [ref("nobody")]
    ring[8]["parent_ids"] = [ref("c9")]
    ring += [line("skill", "review", name="Ring 5"), {"kind": "skill", "external_id": "bare",
             "name": "Ring 6", "description": "No category."}]  # fmt: skip

    found = await imported(repository, tenant, ring)

    assert ["reference-not-found", "parent-cycle", "certified-is-immutable", "invalid-body"] == [
        found.reason(number)[0] for number in (4, 9, 25, 26)
    ]
    assert {"name-taken"} == {found.reason(n)[0] for n in {*range(1, 25)} - {4, 9}}
    assert told(found) == await each_alone(repository, tenant, ring)


async def test_a_code_is_asked_before_what_other_rows_are_refused_for(
    repository: Repository, tenant: Tenant
) -> None:
    """It stands in the industry's own row, which is written first."""

    def coded(which: str, code: str, **more: Any) -> Line:
        return line("industry", which, **{"scheme": "S", "code": code, "level": 1} | more)

    await imported(repository, tenant, [coded(f"i{n}", str(n)) for n in range(12)])
    lines = [coded(f"j{n}", str(n), name=f"industry i{n}") for n in range(12)]
    lines[2]["level"] = None
    lines[4]["parent_ids"] = [ref("nobody")]
    lines += [coded("i3", "4", parent_ids=[ref("i3")]), coded("k", "99", name="industry i1"),
              coded("l", "5", name=...)]  # fmt: skip

    found = await imported(repository, tenant, lines)

    assert {"code-taken", "invalid-body", "reference-not-found", "name-taken"} == {
        found.reason(number)[0] for number in range(1, 15)
    }
    assert ["code-taken", "name-taken"] == [found.reason(number)[0] for number in (13, 14)]
    assert told(found) == await each_alone(repository, tenant, lines)


async def test_who_is_hidden_has_what_he_has(
    repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
) -> None:
    """Names and external ids of another's drafts refuse many lines as they refuse one."""
    for n in range(6):
        body = skill_body(name=f"hush {n}", external_id=f"held{n}")
        await create(repository, tenant.certifier, "skill", body)
    await create(repository, tenant.certifier, "industry",
                 industry_body(scheme="S", code="1", level=1))  # fmt: skip
    lines = [line("skill", f"mine{n}", name=f"Hush {n}") for n in range(6)]
    lines += [line("skill", f"held{n}", name=f"Hush {5 - n}") for n in range(6)]
    lines += [line("skill", "held0x"), line("skill", "held1", name=...)]
    lines[-1]["external_id"] = "held5"
    lines[11]["external_id"] = "more"
    lines += [line("industry", "i", scheme="S", code="1", level=1)]

    found = await imported(repository, tenant, lines)

    slugs = [found.reason(n)[0] if found[n].problem else "" for n in range(1, 16)]
    assert ["name-taken"] * 6 + ["external-id-taken"] * 5 == slugs[:11]
    assert ["name-taken", "", "invalid-body", "code-taken"] == slugs[11:]
    assert not any("existing_id" in (one.problem or {}) for one in found.lines)
    assert {"held0x"} == {
        name for name, one in (await state(superuser, tenant)).items()
        if one.actors == [str(tenant.author.context.governance_agent_id)]
    }  # fmt: skip


@pytest.mark.parametrize("turned", [False, True])
async def test_each_line_is_told_what_is_in_its_own_way(
    repository: Repository, tenant: Tenant, *, turned: bool
) -> None:
    """What is under review stays that, beside one whose external id is taken."""
    body = skill_body(name="Hush", external_id="held")
    await create(repository, tenant.certifier, "skill", body)
    made = await create(repository, tenant.author, "skill", skill_body(external_id="review"))
    await raise_to(repository, tenant, "skill", made.id, "under_review")
    lines = [line("skill", "held"), line("skill", "review", name="Hush")]
    found = await imported(repository, tenant, lines[::-1] if turned else lines)
    slugs = [found.reason(number)[0] for number in (1, 2)]

    assert ["external-id-taken", "certified-is-immutable"] == (slugs[::-1] if turned else slugs)


@pytest.mark.parametrize("active", [False, True])
@pytest.mark.parametrize("kind", ["skill", "industry"])
async def test_what_is_taken_is_not_looked_for_by_halves(
    repository: Repository,
    tenant: Tenant,
    superuser: asyncpg.Connection,
    kind: str,
    *,
    active: bool,
) -> None:
    """All lines whose names others have are told at once, however many there are."""

    def named(which: str, n: int) -> Line:
        more = {"scheme": "S", "code": f"{which}{n}", "level": 1} if kind == "industry" else {}
        return line(kind, f"{which}{n}", name=f"Name {n}", **more)

    await imported(repository, tenant, [named("first", n) for n in range(16)])
    transaction = superuser.transaction()
    await transaction.start()
    await become(superuser, tenant.author, tenant.certifier if active else None)
    await superuser.execute("SET LOCAL track_functions = 'all'")
    await superuser.execute(STAGE, staged([named("second", n) for n in range(16)]))
    await superuser.execute(ARRANGE, active)
    # A session tells its counts once a second: those of another test may still be with it.
    before = await superuser.fetchval(TRIES)
    outcomes = [row["outcome"] for row in await superuser.fetch(APPLY, active)]
    tries = await superuser.fetchval(TRIES) - before
    await transaction.rollback()

    assert ["rejected"] * 16 == outcomes
    assert 0 < tries < 5


async def test_what_is_in_force_is_proposed_though_the_names_go_round(
    repository: Repository, tenant: Tenant
) -> None:
    """A proposal takes no name, so there is nothing in its way."""
    first = [line("skill", f"c{n}", name=f"Ring {n}") for n in range(8)]
    await imported(repository, tenant, first, active=True)
    ring = [line("skill", f"c{n}", name=f"Ring {(n + 1) % 8}") for n in range(8)]

    proposed = await imported(repository, tenant, ring)
    active = await imported(repository, tenant, ring, active=True)

    assert ["amended"] * 8 == proposed.outcomes
    assert all(one.amendment for one in proposed.lines)
    assert ["rejected"] * 8 == active.outcomes
    assert {"name-taken"} == {active.reason(n)[0] for n in range(1, 9)}


class TestParents:
    """Who changes parents keeps the tenant's others from it until COMMIT."""

    @pytest.mark.parametrize(
        "count,links,chunks",
        [(50, 0, 1), (51, 0, 2), (120, 0, 3), (10, 250, 2)],
        ids=["fifty", "one more", "more", "with many skills"],
    )
    async def test_few_lines_share_a_transaction(
        self,
        repository: Repository,
        tenant: Tenant,
        superuser: asyncpg.Connection,
        count: int,
        links: int,
        chunks: int,
    ) -> None:
        """Fifty, or fewer where each has many links; others get their turn in between."""
        kind, more = "skill", {}
        if links:
            kind = "job_role"
            await imported(repository, tenant, [line("skill", f"k{n}") for n in range(links)])
            more = {"required_skills": needs(*[f"k{n}" for n in range(links)])}
        names = [f"x{n}" for n in range(count)]
        # An industry is nobody's parent here, whatever it is called.
        known = [line("industry", "top"), *(line(kind, one) for one in ["top", "also", *names])]
        made = await imported(repository, tenant, known)
        above = [ref("top"), ref("also")]
        moved = [line(kind, one, parent_ids=above, **more) for one in names]

        arranged = await self.arranged(superuser, tenant, moved)
        found = await imported(repository, tenant, moved)
        again = await self.arranged(superuser, tenant, moved)
        turned = [one | {"parent_ids": [{"id": str(made[3].id)}, ref("top")]} for one in moved]
        otherwise = await self.arranged(superuser, tenant, turned)

        assert {"amended": count} == {name: n for name, n in found.totals.items() if n}
        # What is there already changes nothing, however it is said, and shares as it did.
        assert (chunks, 1, 1) == (arranged, again, otherwise)

    @staticmethod
    async def arranged(superuser: asyncpg.Connection, tenant: Tenant, lines: list[Line]) -> int:
        """Tell into how many chunks lines are arranged."""
        transaction = superuser.transaction()
        await transaction.start()
        await become(superuser, tenant.author)
        await superuser.execute(STAGE, staged(lines))
        found = await superuser.fetch(ARRANGE, False)
        await transaction.rollback()
        return len(found)

    async def test_a_hierarchy_turns_over(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """Upper ones first: no part of the lines closes a cycle that the whole has not."""
        count = 120
        await imported(
            repository,
            tenant,
            [line("skill", f"s{n:03}", parent_ids=[ref(f"s{n - 1:03}")] if n else [])
             for n in range(90)] + [line("skill", f"s{n:03}") for n in range(90, count)],
        )  # fmt: skip
        turned = [
            line("skill", f"s{n:03}", parent_ids=[ref(f"s{n + 1:03}")] if n < count - 1 else [])
            for n in range(count)
        ]

        found = await imported(repository, tenant, turned)

        assert 0 == found.totals["rejected"]
        assert count - 1 == found.totals["amended"]

    async def test_who_changes_none_waits_for_nobody(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """Lines that name the parents that are there go in while another changes parents."""
        lines = [line("skill", "top"), line("skill", "a", parent_ids=[ref("top")]),
                 line("skill", "b", parent_ids=[ref("top")])]  # fmt: skip
        await imported(repository, tenant, lines)
        lines[2]["description"] = "Changed."
        async with superuser.transaction():
            await become(superuser, tenant.author)
            await superuser.execute(PARENTS)

            found = await imported(repository, tenant, lines)

        assert ["unchanged", "unchanged", "amended"] == found.outcomes
        now = await state(superuser, tenant)
        assert [now["top"].id] == now["b"].document["parent_ids"]
