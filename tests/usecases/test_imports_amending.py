"""Lines that differ from what is in force: amendments, or with a second identity new content."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import msgspec
import pytest
import pytest_asyncio

from service.errors import AmendmentOutdated, ScopeMissing
from service.repository.base import Repository
from service.usecases.lines import batches
from service.usecases.outcomes import OUTCOMES
from tests.amending import PROPOSE, amended, propose, reviewed, take
from tests.api import Api
from tests.factories import Tenant, amend, create, raise_to, skill_body, step
from tests.imports import (
    Line,
    Outcome,
    fed,
    imported,
    line,
    many,
    needs,
    ref,
    staff,
    state,
    workshop,
)
from tests.postgres import Server
from tests.sessions import Connect, acting, become, connections, pid

NOTHING = dict.fromkeys(OUTCOMES, 0)
WAITS = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE $1 = ANY(pg_blocking_pids(pid)))"
AMENDMENTS = """
SELECT
    amendment.id, base_entity.external_id, amendment.status, amendment.version,
    amendment.base_version, amendment.patch, amendment.document, amendment.governance_agent_id,
    entries.operations, entries.actors,
    (SELECT body FROM audit.payload WHERE audit_id = amendment.last_entry_id) AS logged
FROM app.amendment
-- LATERAL and a limit: by their keys, also where the statistics are those of an empty table.
CROSS JOIN LATERAL (
    SELECT external_id FROM app.base_entity
    WHERE base_entity.tenant_id = amendment.tenant_id AND base_entity.id = amendment.entity_id
    LIMIT 1
) AS base_entity
CROSS JOIN LATERAL (
    SELECT
        array_agg(entry.operation ORDER BY entry.version) AS operations,
        array_agg(entry.actor ORDER BY entry.version) AS actors
    FROM audit.entry
    WHERE entry.tenant_id = amendment.tenant_id AND entry.entity_id = amendment.id
) AS entries
WHERE amendment.tenant_id = $1
"""
CHANGED: list[Line] = [
    {"kind": "skill", "external_id": "weld", "description": "Changed.", "aliases": ["b", "a"]},
    {"kind": "skill", "external_id": "cut", "parent_ids": [], "category": "soft_skill"},
    {"kind": "industry", "external_id": "metal", "description": None},
    {"kind": "job_role", "external_id": "welder", "seniority_level": "senior",
     "required_skills": [{"external_id": "weld", "relation": "essential"},
                         {"external_id": "cut", "relation": "optional"}]},
    {"kind": "team", "external_id": "hall", "name": "Hall of fame"},
    {"kind": "agent", "external_id": "robot-1", "custom_attributes": {"arm": {"left": 1}}},
]  # fmt: skip


class Amendment(msgspec.Struct, frozen=True):
    """An amendment as the table has it, with what the log says of each of its versions."""

    id: str
    status: str
    version: int
    base_version: int
    patch: dict[str, Any]
    document: dict[str, Any]
    author: str
    operations: list[str]
    actors: list[str]


async def amendments(superuser: asyncpg.Connection, tenant: Tenant) -> dict[str, Amendment]:
    """Give the tenant's amendments by the external id of their entity; the log has their bytes."""
    found = await superuser.fetch(AMENDMENTS, tenant.id)
    assert all(row["document"] == row["logged"] for row in found)
    assert all(row["version"] == len(row["operations"]) for row in found)
    return {
        row["external_id"]: Amendment(
            str(row["id"]), row["status"], row["version"], row["base_version"],
            json.loads(row["patch"]), json.loads(row["document"]),
            str(row["governance_agent_id"]), row["operations"], row["actors"],
        )
        for row in found
    }  # fmt: skip


@pytest_asyncio.fixture(loop_scope="module")
async def connect(cluster: Server, database: str) -> AsyncIterator[Connect]:
    """Have sessions of one's own."""
    async with connections(cluster, database) as found:
        yield found


async def in_force(repository: Repository, tenant: Tenant, **fields: Any) -> Line:
    """Import one active skill; its line."""
    one = line("skill", "a", **fields)
    assert ["created"] == (await imported(repository, tenant, [one], active=True)).outcomes
    return one


def problem(found: Outcome, number: int) -> dict[str, Any]:
    """Give the problem of a rejected line as JSON has it."""
    told: dict[str, Any] = msgspec.to_builtins(found[number].problem)
    return told


class TestProposed:
    """Without a second identity changed content is a draft of an amendment."""

    async def test_of_every_kind_and_in_force_once_certified(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """Nothing in force changes until then; afterwards the line says what is in force."""
        await imported(repository, tenant, workshop(), active=True)
        before = await state(superuser, tenant)

        found = await imported(repository, tenant, CHANGED)

        assert NOTHING | {"amended": 6} == found.totals
        assert before == await state(superuser, tenant)
        proposed = await amendments(superuser, tenant)
        author = tenant.author.context.governance_agent_id
        assert {("draft", 1, 1, author, ("create",), (author,))} == {
            (one.status, one.version, one.base_version, one.author, tuple(one.operations),
             tuple(one.actors))
            for one in proposed.values()
        }  # fmt: skip
        for number, given in enumerate(CHANGED, 1):
            name, kind = given["external_id"], given["kind"]
            path = {"industry": "industries", "job_role": "job-roles"}.get(kind, f"{kind}s")
            assert f"/v1/{path}/{before[name].id}/amendment" == found[number].amendment
            assert set(given) - {"kind", "external_id"} == set(proposed[name].patch)
            await take(repository, tenant.author, kind, before[name].id, "under_review")
            await take(repository, tenant.certifier, kind, before[name].id, "certified")

        now = await state(superuser, tenant)
        assert {("active", ("import", "certify"))} == {
            (now[given["external_id"]].status, tuple(now[given["external_id"]].operations))
            for given in CHANGED
        }
        again = await imported(repository, tenant, CHANGED)
        assert NOTHING | {"unchanged": 6} == again.totals

    @pytest.mark.parametrize("status", ["certified", "active", "deprecated"])
    async def test_in_whatever_state_of_force(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection, status: str
    ) -> None:
        """What is certified, active or deprecated is amended; what is under review is refused."""
        made = await create(repository, tenant.author, "skill", skill_body(external_id="a"))
        await raise_to(repository, tenant, "skill", made.id, status)

        found = await imported(repository, tenant, [line("skill", "a")])

        assert ["amended"] == found.outcomes
        assert status == (await state(superuser, tenant))["a"].status
        assert "skill a" == (await amendments(superuser, tenant))["a"].document["name"]

    async def test_the_same_line_again_changes_nothing(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """Not while the amendment is a draft, and not while it is under review."""
        one = await in_force(repository, tenant) | {"description": "New.", "tags": ["t"]}
        first = await imported(repository, tenant, [one])
        before = await amendments(superuser, tenant)

        second = await imported(repository, tenant, [one])
        assert before == await amendments(superuser, tenant)
        await take(repository, tenant.author, "skill", first[1].id or "", "under_review")
        third = await imported(repository, tenant, [one])

        assert ["amended", "unchanged", "unchanged"] == [
            found.outcomes[0] for found in (first, second, third)
        ]
        assert first[1].id == second[1].id == third[1].id

    async def test_another_line_changes_the_open_draft(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """What the line does not name stays as it was proposed; what it takes back is as before."""
        one = await in_force(repository, tenant)
        identity = (await state(superuser, tenant))["a"].id
        by_hand = {"aliases": ["by hand"], "custom_attributes": {"by": {"hand": True}}}
        await propose(repository, tenant.author, "skill", identity, by_hand)
        await imported(repository, tenant, [one | {"description": "New.", "name": "New"}])

        found = await imported(repository, tenant, [one | {"description": "Newer."}])

        assert ["amended"] == found.outcomes
        proposed = (await amendments(superuser, tenant))["a"]
        assert (3, ["create", "amend", "amend"]) == (proposed.version, proposed.operations)
        assert by_hand | {"description": "Newer.", "name": "skill a"} == {
            name: proposed.document[name] for name in (*by_hand, "description", "name")
        }

    async def test_a_line_that_says_what_is_in_force_leaves_a_proposal_alone(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """A nightly import does not undo what somebody proposes by hand."""
        one = await in_force(repository, tenant)
        identity = (await state(superuser, tenant))["a"].id
        await propose(repository, tenant.author, "skill", identity, {"description": "By hand."})
        before = await amendments(superuser, tenant)

        found = await imported(repository, tenant, [one])

        assert ["unchanged"] == found.outcomes
        assert before == await amendments(superuser, tenant)

    async def test_operational_fields_alone_are_changed_at_once(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """Together with content they are proposed with it."""
        one = await in_force(repository, tenant)
        plain = one | {"tags": ["t"], "governance_notes": "Seen."}

        first = await imported(repository, tenant, [plain])
        second = await imported(repository, tenant, [plain | {"tags": ["u"], "name": "New"}])

        assert ["amended", "amended"] == first.outcomes + second.outcomes
        assert (None, True) == (first[1].amendment, second[1].amendment is not None)
        now = (await state(superuser, tenant))["a"]
        assert (["import", "amend"], ["t"]) == (now.operations, now.document["tags"])
        assert {"tags": ["u"], "name": "New"} == (await amendments(superuser, tenant))["a"].patch

    @pytest.mark.parametrize("hidden", [True, False])
    async def test_anothers_amendment_is_in_the_way(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection, *, hidden: bool
    ) -> None:
        """It is said to be open, where it lies to whoever may see it; other lines go in."""
        lines = many(600)
        await imported(repository, tenant, lines, active=True)
        taken = (await state(superuser, tenant))[lines[7]["external_id"]].id
        secret = await propose(
            repository, tenant.certifier, "skill", taken, {"description": "A secret plan."}
        )
        if not hidden:
            await take(repository, tenant.certifier, "skill", taken, "under_review")

        found = await imported(repository, tenant, [one | {"description": "New."} for one in lines])

        assert NOTHING | {"amended": 599, "rejected": 1} == found.totals
        assert "amendment-open" == found.reason(8)[0]
        path = None if hidden else f"/v1/skills/{taken}/amendment"
        assert (taken, path) == (str(found[8].id), problem(found, 8).get("amendment"))
        assert "secret" not in repr(found.lines)
        assert str(secret.id) not in repr(found.lines)
        assert 600 == len(await amendments(superuser, tenant))

    async def test_ones_own_under_review_is_in_the_way_of_other_content(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """What is being reviewed does not change under the reviewer."""
        one = await in_force(repository, tenant)
        identity = (await state(superuser, tenant))["a"].id
        await reviewed(repository, tenant, "skill", identity, {"description": "Reviewed."})
        before = await amendments(superuser, tenant)

        found = await imported(repository, tenant, [one | {"description": "New."}])

        assert "amendment-open" == found.reason(1)[0]
        assert "under review" in str((found[1].problem or {})["detail"])
        assert before == await amendments(superuser, tenant)

    async def test_a_draft_whose_entity_moved_on_is_brought_up_to_date(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """After a tag an outdated amendment could not be submitted; the same line mends that."""
        one = await in_force(repository, tenant) | {"description": "New."}
        await imported(repository, tenant, [one])
        identity = (await state(superuser, tenant))["a"].id
        await amend(repository, tenant.author, "skill", identity, {"tags": ["later"]})
        with pytest.raises(AmendmentOutdated):
            await take(repository, tenant.author, "skill", identity, "under_review")

        again = [(await imported(repository, tenant, [one])).outcomes for _ in range(2)]

        assert [["amended"], ["unchanged"]] == again
        proposed = (await amendments(superuser, tenant))["a"]
        assert (2, ["later"]) == (proposed.base_version, proposed.document["tags"])
        await take(repository, tenant.author, "skill", identity, "under_review")

    async def test_custom_attributes_become_what_the_line_says(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """As a whole, where a PATCH merges; null members cannot come in by an amendment."""
        one = await in_force(
            repository, tenant, custom_attributes={"a": {"x": 1, "y": 2}, "b": 1, "n": None}
        )
        wanted = {"a": {"y": 3}, "c": [None, {"d": None}], "n": None}
        changed = one | {"custom_attributes": wanted}
        identity = (await state(superuser, tenant))["a"].id

        first = await imported(repository, tenant, [changed])
        second = await imported(repository, tenant, [changed])
        await take(repository, tenant.author, "skill", identity, "under_review")
        await take(repository, tenant.certifier, "skill", identity, "certified")
        third = await imported(repository, tenant, [changed])
        fourth = await imported(
            repository, tenant, [one | {"custom_attributes": wanted | {"new": None}}]
        )

        assert ["amended", "unchanged", "unchanged", "unchanged"] == [
            found.outcomes[0] for found in (first, second, third, fourth)
        ]
        assert wanted == (await state(superuser, tenant))["a"].document["custom_attributes"]
        assert ["certified"] == [
            entry.status for entry in (await amendments(superuser, tenant)).values()
        ]

    @pytest.mark.parametrize(
        "kind,name,fields,slug",
        [
            ("agent", "robot-1", {"industry_id": ref("other")}, "immutable-field"),
            ("job_role", "welder", {"industry_id": ref("none")}, "reference-not-found"),
            ("industry", "metal", {"scheme": "S"}, "invalid-body"),
        ],
    )
    async def test_what_could_never_be_certified_is_rejected_at_once(
        self,
        repository: Repository,
        tenant: Tenant,
        superuser: asyncpg.Connection,
        kind: str,
        name: str,
        fields: dict[str, Any],
        slug: str,
    ) -> None:
        """Other lines of the set are proposed."""
        await imported(repository, tenant, [*workshop(), line("industry", "other")], active=True)
        bad: Line = {"kind": kind, "external_id": name, "name": "New", **fields}

        found = await imported(
            repository, tenant, [bad, line("skill", "cut", description="New.", parent_ids=[])]
        )

        assert ["rejected", "amended"] == found.outcomes
        assert slug == found.reason(1)[0]
        assert ["cut"] == list(await amendments(superuser, tenant))

    async def test_one_that_another_is_opening_at_the_same_moment(
        self,
        repository: Repository,
        tenant: Tenant,
        superuser: asyncpg.Connection,
        connect: Connect,
    ) -> None:
        """The import waits for who is first, and its line is rejected then."""
        one = await in_force(repository, tenant)
        identity = (await state(superuser, tenant))["a"].id
        other = await connect()
        async with acting(other, tenant.certifier):
            await other.fetch(PROPOSE, "skill", identity, None, '{"description": "First."}')
            changed = [one | {"description": "Second."}, line("skill", "b")]
            task = asyncio.ensure_future(imported(repository, tenant, changed))
            while not await superuser.fetchval(WAITS, pid(other)):
                assert not task.done(), "it did not wait"
        found = await task

        assert ["rejected", "created"] == found.outcomes
        assert "amendment-open" == found.reason(1)[0]


class TestAtOnce:
    """With a second identity content in force is replaced by one entry that names both."""

    async def test_of_every_kind(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """The status stays, nothing is proposed, and the same lines again change nothing."""
        await imported(repository, tenant, workshop(), active=True)

        found = await imported(repository, tenant, CHANGED, active=True)
        again = await imported(repository, tenant, CHANGED, active=True)

        assert (NOTHING | {"amended": 6}, NOTHING | {"unchanged": 6}) == (
            found.totals,
            again.totals,
        )
        assert {None} == {one.amendment for one in found.lines}
        assert {} == await amendments(superuser, tenant)
        now = await state(superuser, tenant)
        author, certifier = tenant.author.context, tenant.certifier.context
        for given in CHANGED:
            one = now[given["external_id"]]
            assert ("active", 2, ["import", "import"]) == (one.status, one.version, one.operations)
            assert f"{author.governance_agent_id}+{certifier.governance_agent_id}" == one.actors[1]
            assert f"{author.key_id}+{certifier.key_id}" == one.keys[1]
        assert ["b", "a"] == now["weld"].document["aliases"]
        assert [] == now["cut"].document["parent_ids"]
        assert {"essential", "optional"} == {
            one["relation"] for one in now["welder"].document["required_skills"]
        }

    @pytest.mark.parametrize(
        "status,then", [("certified", "active"), ("active", "active"), ("deprecated", "deprecated")]
    )
    async def test_the_status_stays(
        self,
        repository: Repository,
        tenant: Tenant,
        superuser: asyncpg.Connection,
        status: str,
        then: str,
    ) -> None:
        """But that what was certified enters into use, as it does without a change."""
        made = await create(repository, tenant.author, "skill", skill_body(external_id="a"))
        await raise_to(repository, tenant, "skill", made.id, status)

        found = await imported(repository, tenant, [line("skill", "a")], active=True)

        assert ["amended"] == found.outcomes
        now = (await state(superuser, tenant))["a"]
        assert (then, "import", "skill a") == (now.status, now.operations[-1], now.document["name"])

    async def test_operational_fields_alone_need_no_second_identity(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """The entry names who wrote, and nobody else."""
        one = await in_force(repository, tenant)

        await imported(repository, tenant, [one | {"tags": ["t"]}], active=True)

        now = (await state(superuser, tenant))["a"]
        assert ["import", "amend"] == now.operations
        assert tenant.author.context.governance_agent_id == now.actors[1]

    async def test_what_is_under_review_is_not_changed_under_the_reviewer(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """As it is it enters force; with other content the line is rejected."""
        made = await create(repository, tenant.author, "skill", skill_body(external_id="a"))
        await step(repository, tenant.author, "skill", made.id, "under_review")

        other = await imported(repository, tenant, [line("skill", "a")], active=True)
        same: Line = {"kind": "skill", "external_id": "a"}
        found = await imported(repository, tenant, [same], active=True)

        assert ("certified-is-immutable", ["amended"]) == (other.reason(1)[0], found.outcomes)
        assert ["create", "submit", "import"] == (await state(superuser, tenant))["a"].operations

    @pytest.mark.parametrize(
        "fields,slug",
        [
            ({"required_skills": []}, "rule-violated"),
            ({"required_skills": needs("draft")}, "rule-violated"),
            ({"name": "Taken"}, "name-taken"),
            ({"parent_ids": [ref("below")]}, "parent-cycle"),
        ],
    )
    async def test_what_does_not_hold_is_rejected(
        self,
        repository: Repository,
        tenant: Tenant,
        superuser: asyncpg.Connection,
        fields: dict[str, Any],
        slug: str,
    ) -> None:
        """The rules for being in force bind on new content too; the entity stays as it was."""
        more = [
            line("job_role", "taken", name="Taken", required_skills=needs("cut")),
            line("job_role", "below", parent_ids=[ref("welder")], required_skills=needs("cut")),
        ]
        await imported(repository, tenant, workshop() + more, active=True)
        await imported(repository, tenant, [line("skill", "draft")])
        before = await state(superuser, tenant)
        lines: list[Line] = [{"kind": "job_role", "external_id": "welder", **fields}]

        found = await imported(repository, tenant, [*lines, line("skill", "new")], active=True)

        assert ["rejected", "created"] == found.outcomes
        assert slug == found.reason(1)[0]
        assert before == {
            name: one for name, one in (await state(superuser, tenant)).items() if name != "new"
        }

    async def test_a_certifier_who_wrote_since_the_last_certification(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """A tag is enough: nobody certifies what their own governance agent wrote."""
        one = await in_force(repository, tenant)
        identity = (await state(superuser, tenant))["a"].id
        await amend(repository, tenant.certifier, "skill", identity, {"tags": ["mine"]})

        found = await imported(repository, tenant, [one | {"description": "New."}], active=True)

        assert "own-work" == found.reason(1)[0]

    async def test_an_amendment_that_is_open_is_outdated_by_it(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """Whoever's it is; certifying it is refused until it is based on the new version."""
        one = await in_force(repository, tenant)
        identity = (await state(superuser, tenant))["a"].id
        await reviewed(repository, tenant, "skill", identity, {"description": "Reviewed."})

        found = await imported(repository, tenant, [one | {"description": "New."}], active=True)

        assert ["amended"] == found.outcomes
        with pytest.raises(AmendmentOutdated):
            await take(repository, tenant.certifier, "skill", identity, "certified")

    async def test_the_answer_is_still_compliant(self, api: Api, repository: Repository) -> None:
        """Every check of L0 and L1 passes on what was replaced at once and by an amendment."""
        await imported(repository, api.tenant, workshop(), active=True)
        found = await imported(repository, api.tenant, CHANGED, active=True)
        await amended(
            repository, api.tenant, "skill", found[1].id or "", {"description": "Once more."}
        )

        for number, given in enumerate(CHANGED, 1):
            kind = given["kind"]
            path = {"industry": "industries", "job_role": "job-roles"}.get(kind, f"{kind}s")
            answer = await api.get(f"/v1/{path}/{found[number].id}/compliance")
            assert answer.json["compliant"], answer.json

    async def test_a_second_key_that_may_not_certify_stops_the_import(
        self, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
    ) -> None:
        """The guard asks the key's row: no line is blamed, and nothing is written."""
        one = await in_force(repository, tenant)
        context = msgspec.structs.replace(
            tenant.author.context, certifier_key_id=tenant.reader.context.key_id
        )
        before = await state(superuser, tenant)

        with pytest.raises(ScopeMissing):
            await imported(
                repository, tenant, [one | {"description": "New."}], active=True, context=context
            )
        assert before == await state(superuser, tenant)


REPLACE = "UPDATE app.base_entity SET description = 'By hand.' {} WHERE external_id = 'a'"


class TestGuard:
    """The table lets content in force change by two identities, and by nothing less."""

    @pytest.mark.parametrize(
        "who,steps,refused",
        [
            (("author",), "active", "PL004"),
            (("author", "reader"), "active", "PL007"),
            (("author", "author"), "active", "PL007"),
            (("certifier", "certifier"), "active", "PL008"),
            (("reader", "certifier"), "active", "PL007"),
            (("author", "certifier"), "active", None),
            (("author", "certifier"), "deprecated", None),
            (("author", "certifier"), "certified active", None),
            (("author", "certifier"), "certified", "PL004"),
            (("author", "certifier"), "active deprecated", "PL004"),
            (("author", "certifier"), "active archived", "PL004"),
            (("author", "certifier"), "deprecated active", "PL004"),
            (("author", "certifier"), "under_review active", "PL004"),
            (("author", "certifier"), "under_review", "PL004"),
        ],
    )
    async def test_sql_by_hand(
        self,
        repository: Repository,
        tenant: Tenant,
        superuser: asyncpg.Connection,
        connect: Connect,
        who: tuple[str, ...],
        steps: str,
        refused: str | None,
    ) -> None:
        """As plant_app with the keys of a context; an entry names both, whatever wrote it."""
        status, *to = steps.split()
        made = await create(repository, tenant.author, "skill", skill_body(external_id="a"))
        await raise_to(repository, tenant, "skill", made.id, status)
        before = (await state(superuser, tenant))["a"]
        connection = await connect()

        code = None
        try:
            async with acting(connection, *(getattr(tenant, name) for name in who)):
                await connection.execute(REPLACE.format(f", status = '{to[0]}'" if to else ""))
        except asyncpg.PostgresError as error:
            code = error.sqlstate

        assert refused == code
        now = (await state(superuser, tenant))["a"]
        if refused:
            assert before == now
        else:
            assert (before.version + 1, "import") == (now.version, now.operations[-1])
            assert "+" in now.actors[-1]


async def test_a_team_in_force_keeps_its_members_by_proposals(
    repository: Repository, tenant: Tenant, superuser: asyncpg.Connection
) -> None:
    """Teams and agents that are changed in one import are proposed one by one."""
    await imported(repository, tenant, workshop(), active=True)
    have = {"skill_ids": [ref("weld"), ref("cut")], "team_id": ref("hall")}
    lines = [
        line("team", "hall", **staff("welder", "metal"), description="New."),
        line("agent", "robot-1", **staff("welder", "metal", **have), description="New."),
        line("agent", "robot-2", **staff("welder", "metal", **have | {"team_id": None})),
    ]

    found = await imported(repository, tenant, lines)

    assert ["amended"] * 3 == found.outcomes
    assert {"hall", "robot-1"} == set(await amendments(superuser, tenant))
    assert (await state(superuser, tenant))["robot-2"].document["team_id"] is None


async def test_the_release_before_hears_of_outcomes_that_it_knows(
    repository: Repository, tenant: Tenant, superuser: asyncpg.Connection, connect: Connect
) -> None:
    """Its call has no `keep` and knows no proposals: of these it hears that they were amended."""
    one = await in_force(repository, tenant)
    lines = [one | {"description": "Other."}, line("skill", "b", parent_ids=[ref("nobody")])]
    before = await connect()
    await become(before, tenant.author, local=False)
    other = uuid4()
    async for batch in batches(fed(lines)):
        await before.execute("SELECT app.import_stage($1, $2)", other, batch.text)
    told = []
    for chunk in await before.fetch("SELECT chunk FROM app.import_arrange($1, FALSE)", other):
        told += await before.fetch("SELECT * FROM app.import_apply($1, $2, FALSE)", other, chunk[0])
    staged = await superuser.fetch("SELECT FROM app.import_line WHERE import_id = $1", other)

    assert [(1, "amended", False), (2, "rejected", True)] == [
        (row["line"], row["outcome"], row["problem"] is not None)
        for row in sorted(told, key=lambda row: row["line"])
    ]
    assert [] == staged
