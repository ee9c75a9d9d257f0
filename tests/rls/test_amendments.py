"""Row security of amendments: another tenant's and another agent's draft are as good as absent."""

import json

import asyncpg
import pytest

from service.repository.amendments import AmendmentByEntity
from service.repository.base import Repository
from tests.amending import PROPOSE, TAKE, propose, take
from tests.factories import Actor, Tenant, active_skill, create, skill_body
from tests.sessions import Connect, Savepoint, acting

pytestmark = [pytest.mark.database, pytest.mark.rls]

NEVER = "01900000-0000-7000-8000-000000000000"
HUSH = {"description": "hush", "tags": ["hush"], "custom_attributes": {"hush": 1}}
ROWS = "SELECT document, patch FROM app.amendment WHERE entity_id = $1"
PAYLOADS = """
SELECT entry.operation, payload.body FROM audit.entry
INNER JOIN audit.payload USING (tenant_id, audit_id)
WHERE entry.entity_type = 'amendment' ORDER BY entry.version
"""


async def seen(
    repository: Repository, connect: Connect, actor: Actor, identity: object
) -> tuple[bool, bool, list[str]]:
    """Say whether an actor sees an amendment by statement and as a row, and which payloads."""
    found = await repository.maybe(AmendmentByEntity("skill", str(identity)), actor.context)
    async with acting(await connect(), actor) as app:
        rows = await app.fetch(ROWS, identity)
        payloads = [row["operation"] for row in await app.fetch(PAYLOADS)]
    return found is not None, bool(rows), payloads


class TestVisible:
    """Who sees what, in which state, now and in the history."""

    async def test_a_draft_is_its_author_s_alone(
        self, repository: Repository, tenant: Tenant, connect: Connect
    ) -> None:
        """Hidden, seen by all under review, hidden again; what was a draft stays so in the log."""
        made = await active_skill(repository, tenant)
        others = (tenant.certifier, tenant.reader)

        async def all_see() -> list[tuple[bool, bool, list[str]]]:
            return [
                await seen(repository, connect, actor, made.id)
                for actor in (tenant.author, *others)
            ]

        await propose(repository, tenant.author, "skill", made.id, HUSH)
        assert [(True, True, ["create"]), *[(False, False, [])] * 2] == await all_see()
        await take(repository, tenant.author, "skill", made.id, "under_review")
        assert [
            (True, True, ["create", "submit"]),
            *[(True, True, ["submit"])] * 2,
        ] == await all_see()
        await take(repository, tenant.author, "skill", made.id, "draft")
        assert [
            (True, True, ["create", "submit", "take_back"]),
            *[(False, False, ["submit"])] * 2,
        ] == await all_see()
        await take(repository, tenant.author, "skill", made.id, "withdrawn")
        assert [
            (False, True, ["create", "submit", "take_back", "withdraw"]),
            *[(False, False, ["submit"])] * 2,
        ] == await all_see()

    @pytest.mark.parametrize("state", ["certified", "rejected"])
    async def test_a_decision_is_everybody_s(
        self, repository: Repository, tenant: Tenant, connect: Connect, state: str
    ) -> None:
        """The whole tenant reads what was certified, and what was rejected."""
        made = await active_skill(repository, tenant)
        await propose(repository, tenant.author, "skill", made.id, HUSH)
        await take(repository, tenant.author, "skill", made.id, "under_review")
        await take(repository, tenant.certifier, "skill", made.id, state)
        operation = {"certified": "certify", "rejected": "reject"}[state]

        assert (False, True, ["submit", operation]) == await seen(
            repository, connect, tenant.reader, made.id
        )

    async def test_entries_show_that_something_is_there_and_not_what(
        self, repository: Repository, tenant: Tenant, connect: Connect
    ) -> None:
        """The hashes of another's draft are seen, its entity's id is not among them."""
        made = await active_skill(repository, tenant)
        opened = await propose(repository, tenant.author, "skill", made.id, HUSH)
        async with acting(await connect(), tenant.reader) as app:
            rows = await app.fetch("SELECT * FROM audit.entry WHERE entity_type = 'amendment'")

        assert [opened.id] == [row["entity_id"] for row in rows]
        assert str(made.id) not in str(rows)

    async def test_readonly_without_an_agent_sees_no_draft(
        self, repository: Repository, tenant: Tenant, connect: Connect
    ) -> None:
        """A tenant alone shows what is everybody's."""
        made = await active_skill(repository, tenant)
        await propose(repository, tenant.author, "skill", made.id, HUSH)
        # As the role, not with its password: a command of another test may have settled that.
        session = await connect("superuser")
        await session.execute("SET ROLE plant_readonly")
        async with acting(session, tenant.reader):
            await session.execute("SELECT set_config('app.governance_agent_id', '', TRUE)")
            hidden = await session.fetch(ROWS, made.id)
        await take(repository, tenant.author, "skill", made.id, "under_review")
        async with acting(session, tenant.reader):
            shown = await session.fetch(ROWS, made.id)

        assert (0, 1) == (len(hidden), len(shown))


class TestReach:
    """What the functions do for who may not see."""

    async def test_another_tenant_reaches_nothing(
        self, repository: Repository, tenant: Tenant, other_tenant: Tenant, connect: Connect
    ) -> None:
        """In every state: the answer is that for an id that never was."""
        made = await active_skill(repository, tenant)
        await propose(repository, tenant.author, "skill", made.id, HUSH)
        told = set()
        for state in ("draft", "under_review"):
            if state != "draft":
                await take(repository, tenant.author, "skill", made.id, state)
            async with acting(await connect(), other_tenant.certifier) as app:
                assert [] == await app.fetch(ROWS, made.id)
                for identity in (made.id, NEVER):
                    for call in (
                        (PROPOSE, "skill", identity, None, "{}"),
                        (TAKE, "skill", identity, None, "certified"),
                    ):
                        error = await Savepoint(app).error(*call)
                        assert error
                        told.add((call[0], error.sqlstate, str(error), error.detail))

        assert 2 == len(told)
        assert {"PL001"} == {one[1] for one in told}

    async def test_another_agent_s_draft_is_in_the_way_and_not_shown(
        self, repository: Repository, tenant: Tenant, connect: Connect
    ) -> None:
        """It cannot be stepped or read; opening another one says that there is one."""
        made = await active_skill(repository, tenant)
        opened = await propose(repository, tenant.author, "skill", made.id, HUSH)
        async with acting(await connect(), tenant.certifier) as app:
            states = [
                await Savepoint(app).state(TAKE, "skill", made.id, None, to)
                for to in ("under_review", "withdrawn", "certified", "rejected")
            ]
            never = await Savepoint(app).error(TAKE, "skill", NEVER, None, "certified")
            there = await Savepoint(app).error(TAKE, "skill", made.id, None, "certified")
            error = await Savepoint(app).error(PROPOSE, "skill", made.id, None, "{}")
        assert isinstance(error, asyncpg.UniqueViolationError)

        assert ["PL001"] * 4 == states
        assert str(never) == str(there)
        assert "amendment_open_key" == error.constraint_name
        text = f"{error} {error.detail} {error.hint} {error.as_dict()}"
        assert not [one for one in ("hush", str(opened.id)) if one in text]

    async def test_an_amendment_s_references_are_those_its_author_sees(
        self, repository: Repository, tenant: Tenant, connect: Connect
    ) -> None:
        """By a direct call too: another agent's draft is as absent as what never was."""
        made = await active_skill(repository, tenant)
        hidden = await create(repository, tenant.certifier, "skill", skill_body())
        async with acting(await connect(), tenant.author) as app:
            errors = [
                await Savepoint(app).error(
                    PROPOSE, "skill", made.id, None, json.dumps({"parent_ids": [str(target)]})
                )
                for target in (NEVER, hidden.id)
            ]

        assert ["PL005"] * 2 == [getattr(error, "sqlstate", None) for error in errors]
        assert 1 == len({str(error) for error in errors})
