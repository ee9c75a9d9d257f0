"""The life cycle: every step of every kind, the rules for being in force, four eyes, the end."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from service.errors import OwnWork, Problem, RuleViolated
from service.repository.base import Repository
from service.repository.entities import Written
from service.usecases.compliance import compliance
from tests.amending import amended, reviewed, take
from tests.factories import (
    Actor,
    ActorWith,
    Tenant,
    World,
    active_skill,
    agent_body,
    amend,
    create,
    document,
    industry_body,
    job_role_body,
    make_world,
    raise_to,
    skill_body,
    step,
    team_body,
)
from tests.postgres import Server
from tests.sessions import Connect, Connection, Savepoint, acting, connections
from tests.triggers import asleep

pytestmark = pytest.mark.database


KINDS = ("skill", "industry", "job_role", "team", "agent")
STATES = ("draft", "under_review", "certified", "active", "deprecated", "archived")
STEP = "SELECT (app.entity_step($1, $2, NULL, $3, $4, $5)).version"
# What leads where, and what the log calls it. The author has scopes read and write, the
# certifier read, write and certify.
STEPS = {
    ("draft", "under_review"): "submit",
    ("draft", "archived"): "archive",
    ("under_review", "draft"): "withdraw",
    ("under_review", "certified"): "certify",
    ("under_review", "archived"): "archive",
    ("certified", "active"): "activate",
    ("certified", "archived"): "archive",
    ("active", "deprecated"): "deprecate",
    ("active", "archived"): "archive",
    ("deprecated", "archived"): "archive",
}


@pytest_asyncio.fixture(loop_scope="module")
async def connect(cluster: Server, database: str) -> AsyncIterator[Connect]:
    """Open sessions as a role."""
    async with connections(cluster, database) as opened:
        yield opened


async def at(
    repository: Repository, tenant: Tenant, kind: str, world: World, state: str, **fields: Any
) -> Written:
    """Make an entity of any kind and take it to a state."""
    bodies = {
        "skill": lambda: skill_body(**fields),
        "industry": lambda: industry_body(**fields),
        "job_role": lambda: job_role_body([world.skill], **fields),
        "team": lambda: team_body(world.job_role, world.industry, **fields),
        "agent": lambda: agent_body(world.job_role, world.industry, [world.skill], **fields),
    }
    made = await create(repository, tenant.author, kind, bodies[kind]())
    if kind == "team":
        member = agent_body(world.job_role, world.industry, [world.skill], team_id=str(made.id))
        member_id = (await create(repository, tenant.author, "agent", member)).id
        await step(repository, tenant.author, "agent", member_id, "under_review")
    if state == "draft":
        return made
    if state == "archived":
        return await step(repository, tenant.author, kind, made.id, state)
    return await raise_to(repository, tenant, kind, made.id, state)


def expected(state: str, to: str, actor: str) -> str | None:
    """Say what a step is refused with."""
    if state == "draft" and actor == "certifier":
        return "PL001"
    if (state, to) not in STEPS:
        return "PL003"
    if (state, to, actor) == ("under_review", "certified", "author"):
        return "PL007"
    return None


class TestSteps:
    """The whole table, allowed and not."""

    @pytest.mark.parametrize("kind", KINDS)
    async def test_every_step_of_the_table_and_no_other(
        self, repository: Repository, tenant: Tenant, connect: Connect, kind: str
    ) -> None:
        """From each state to each state, by author and certifier: what the contract allows."""
        world = await make_world(repository, tenant)
        sessions = {
            actor.name: (await connect(), actor) for actor in (tenant.author, tenant.certifier)
        }
        for state in STATES:
            entity = await at(repository, tenant, kind, world, state)
            for name, (session, actor) in sessions.items():
                async with acting(session, actor):
                    for to in (*STATES, "gone"):
                        found = await Savepoint(session).state(
                            STEP, kind, entity.id, to, "because", None
                        )
                        assert found == expected(state, to, name), (state, to, name)

    @pytest.mark.parametrize("state", STATES)
    async def test_a_refusal_names_what_is_allowed(
        self, repository: Repository, tenant: Tenant, connect: Connect, state: str
    ) -> None:
        """The detail of PL003 lists the states that a step leads to from here."""
        made = await create(repository, tenant.author, "skill", skill_body())
        if state == "archived":
            await step(repository, tenant.author, "skill", made.id, state)
        elif state != "draft":
            await raise_to(repository, tenant, "skill", made.id, state)
        async with acting(await connect(), tenant.author) as app:
            errors = [
                await Savepoint(app).error(STEP, "skill", made.id, to, "because", None)
                for to in ("gone", state)
            ]

        for error in errors:
            assert json.loads(str(getattr(error, "detail", None)))["allowed"] == sorted(
                to for one, to in STEPS if one == state
            )

    async def test_the_log_names_each_step(
        self, repository: Repository, tenant: Tenant, superuser: Connection
    ) -> None:
        """Withdrawn by its author and rejected by another are two operations."""
        made = await create(repository, tenant.author, "skill", skill_body())
        for actor, to in (
            (tenant.author, "under_review"),
            (tenant.author, "draft"),
            (tenant.author, "under_review"),
            (tenant.certifier, "draft"),
            (tenant.author, "under_review"),
            (tenant.certifier, "certified"),
            (tenant.certifier, "active"),
            (tenant.certifier, "deprecated"),
            (tenant.certifier, "archived"),
        ):
            await step(repository, actor, "skill", made.id, to)
        rows = await superuser.fetch(
            "SELECT operation FROM audit.entry WHERE entity_id = $1 ORDER BY version", made.id
        )

        assert [
            "create",
            "submit",
            "withdraw",
            "submit",
            "reject",
            "submit",
            "certify",
            "activate",
            "deprecate",
            "archive",
        ] == [row[0] for row in rows]

    async def test_the_table_in_the_database_is_this_one(self, superuser: Connection) -> None:
        """Each step with operation and scope; a rejection is the certifier's, not the author's."""
        rows = await superuser.fetch(
            "SELECT from_status, to_status, operation, scope, by_author FROM app.life_cycle_step"
        )

        assert {(row[0], row[1]): row[2] for row in rows if row[2] != "reject"} == STEPS
        assert {
            "certify": ("certify", None),
            "reject": ("certify", False),
            "withdraw": ("write", True),
        } == {row[2]: (row[3], row[4]) for row in rows if row[3] == "certify" or row[4] is not None}

    async def test_scopes_do_not_imply_each_other(
        self, repository: Repository, tenant: Tenant, connect: Connect, actor_with: ActorWith
    ) -> None:
        """With certify alone one certifies and rejects, and changes nothing on the way."""
        certifier = await actor_with("certify", name="judge")
        clerk = await actor_with("read", "audit", "admin", name="clerk")
        made = await create(repository, tenant.author, "skill", skill_body())
        await step(repository, tenant.author, "skill", made.id, "under_review")
        change = "UPDATE app.base_entity SET {} WHERE id = $1"
        async with acting(await connect(), certifier) as app:
            found = [
                await Savepoint(app).state(STEP, "skill", made.id, to, "because", None)
                for to in ("certified", "draft", "archived")
            ]
            found += [
                await Savepoint(app).state(change.format(setting), made.id)
                for setting in (
                    "governance_notes = 'n'",
                    "status = 'certified', governance_notes = 'n'",
                    "status = 'certified'",
                )
            ]
        async with acting(await connect(), clerk) as app:
            found += [
                await Savepoint(app).state(STEP, "skill", made.id, to, "because", None)
                for to in ("certified", "archived")
            ]

        assert [None, None, "PL007", "PL007", "PL013", None, "PL007", "PL007"] == found

    @pytest.mark.parametrize("to", ["certified", "archived"])
    async def test_a_step_hides_no_change(
        self, repository: Repository, tenant: Tenant, connect: Connect, to: str
    ) -> None:
        """Whatever else the key may: who takes a step changes neither notes nor content with it."""
        made = await create(repository, tenant.author, "skill", skill_body())
        await step(repository, tenant.author, "skill", made.id, "under_review")
        change = f"UPDATE app.base_entity SET status = '{to}' {{}} WHERE id = $1"
        async with acting(await connect(), tenant.certifier) as app:
            found = [
                await Savepoint(app).state(change.format(also), made.id)
                for also in (", governance_notes = 'n'", ", aliases = '{n}'", "")
            ]

        assert ["PL013", "PL004", None] == found


async def refused(repository: Repository, tenant: Tenant, kind: str, identity: object) -> list[str]:
    """Try to certify what is under review; gives the rules that are not met."""
    with pytest.raises(RuleViolated) as caught:
        await step(repository, tenant.certifier, kind, str(identity), "certified")
    return [error.rule for error in caught.value.errors]


async def mended(
    repository: Repository, tenant: Tenant, kind: str, identity: object, patch: dict[str, Any]
) -> Written:
    """Give it back to its author, who repairs it and submits it again; certify it."""
    await step(repository, tenant.certifier, kind, str(identity), "draft")
    await amend(repository, tenant.author, kind, str(identity), patch)
    await step(repository, tenant.author, kind, str(identity), "under_review")
    return await step(repository, tenant.certifier, kind, str(identity), "certified")


class TestRules:
    """Each L1 rule, broken and repaired, on entering certified."""

    @pytest.mark.parametrize(
        "kind,body,rules,patch",
        [
            (
                "skill",
                skill_body(description=" \n\t "),
                ["L1-SKILL-1"],
                {"description": "Said."},
            ),
            ("skill", skill_body(name="\u2003"), ["L1-SKILL-1"], {"name": "named"}),
            ("industry", industry_body(name="\u00a0\u2003"), ["L1-IND-1"], {"name": "named"}),
        ],
    )
    async def test_blank(
        self,
        repository: Repository,
        tenant: Tenant,
        kind: str,
        body: dict[str, Any],
        rules: list[str],
        patch: dict[str, Any],
    ) -> None:
        """White space of any kind says nothing."""
        made = await create(repository, tenant.author, kind, body)
        await step(repository, tenant.author, kind, made.id, "under_review")

        assert rules == await refused(repository, tenant, kind, made.id)
        await mended(repository, tenant, kind, made.id, patch)

    async def test_job_roles(self, repository: Repository, tenant: Tenant) -> None:
        """At least one essential skill, all essential ones in force, seniority set."""
        ready = str((await active_skill(repository, tenant)).id)
        draft = str((await create(repository, tenant.author, "skill", skill_body())).id)
        gone = str((await create(repository, tenant.author, "skill", skill_body())).id)
        await step(repository, tenant.author, "skill", gone, "archived")
        good = {"required_skills": [{"id": ready, "relation": "essential"}]}
        cases: list[tuple[list[str], dict[str, Any], dict[str, Any]]] = [
            (["L1-ROLE-1"], {"required_skills": []}, good),
            (["L1-ROLE-1"], {"required_skills": [{"id": ready, "relation": "optional"}]}, good),
            (["L1-ROLE-2"], {"required_skills": [{"id": draft, "relation": "essential"}]}, good),
            (["L1-ROLE-2"], {"required_skills": [{"id": gone, "relation": "essential"}]}, good),
            (["L1-ROLE-3"], {"seniority_level": None}, {"seniority_level": "senior"}),
            (
                ["L1-ROLE-1", "L1-ROLE-3"],
                {"required_skills": [], "seniority_level": None},
                good | {"seniority_level": "junior"},
            ),
            # What is optional need not be in force.
            (
                [],
                {
                    "required_skills": [
                        *good["required_skills"],
                        {"id": draft, "relation": "optional"},
                    ]
                },
                {},
            ),
        ]
        for rules, fault, repair in cases:
            made = await create(
                repository, tenant.author, "job_role", job_role_body([ready], **fault)
            )
            await step(repository, tenant.author, "job_role", made.id, "under_review")
            if rules:
                assert rules == await refused(repository, tenant, "job_role", made.id)
                await mended(repository, tenant, "job_role", made.id, repair)
            else:
                await step(repository, tenant.certifier, "job_role", made.id, "certified")

    async def test_teams(self, repository: Repository, tenant: Tenant) -> None:
        """Job role and industry in force; a member at least, and all alike."""
        world = await make_world(repository, tenant)
        role = str(
            (await create(repository, tenant.author, "job_role", job_role_body([world.skill]))).id
        )
        industry = str((await create(repository, tenant.author, "industry", industry_body())).id)

        def member(team: object, **fields: Any) -> dict[str, Any]:
            given = {"job_role_id": world.job_role, "industry_id": world.industry} | fields
            return agent_body(
                given["job_role_id"], given["industry_id"], [world.skill], team_id=str(team)
            )

        for rules, ids, members in (
            (["L1-TEAM-1"], {"job_role_id": role}, [{"job_role_id": role}]),
            (["L1-TEAM-2"], {"industry_id": industry}, [{"industry_id": industry}]),
            (["L1-TEAM-3"], {}, []),
            (["L1-TEAM-3"], {}, [{}, {"job_role_id": role}]),
            (["L1-TEAM-3"], {}, [{"industry_id": industry}, {}]),
        ):
            body = team_body(world.job_role, world.industry, **ids)
            made = await create(repository, tenant.author, "team", body)
            agents = [
                await create(repository, tenant.author, "agent", member(made.id, **fields))
                for fields in members
            ]
            for agent in agents:
                await step(repository, tenant.author, "agent", agent.id, "under_review")
            await step(repository, tenant.author, "team", made.id, "under_review")
            assert rules == await refused(repository, tenant, "team", made.id)
            for agent in agents:
                await step(repository, tenant.author, "agent", agent.id, "archived")
            good = await create(repository, tenant.author, "agent", member(made.id))
            await step(repository, tenant.author, "agent", good.id, "under_review")
            await mended(
                repository,
                tenant,
                "team",
                made.id,
                {"job_role_id": world.job_role, "industry_id": world.industry},
            )

    @pytest.mark.parametrize("whose", ["author", "certifier"])
    async def test_a_draft_is_no_member(
        self, repository: Repository, tenant: Tenant, whose: str
    ) -> None:
        """It neither blocks a team that it does not fit nor makes one stand, also the author's own.

        The report says the same, to those who see the draft and to those who do not.
        """
        world = await make_world(repository, tenant)
        other = await active_skill(repository, tenant)
        role = await create(repository, tenant.author, "job_role", job_role_body([str(other.id)]))
        await raise_to(repository, tenant, "job_role", role.id, "active")
        fits = await at(repository, tenant, "team", world, "under_review")
        lonely = await create(
            repository, tenant.author, "team", team_body(world.job_role, world.industry)
        )
        await step(repository, tenant.author, "team", lonely.id, "under_review")
        for job_role, skill, team in (
            (str(role.id), str(other.id), fits.id),
            (world.job_role, world.skill, lonely.id),
        ):
            hidden = agent_body(job_role, world.industry, [skill], team_id=str(team))
            await create(repository, getattr(tenant, whose), "agent", hidden)
        reports = [
            await compliance(repository, actor.context, "team", str(lonely.id))
            for actor in (tenant.author, tenant.certifier)
        ]
        certified = await step(repository, tenant.certifier, "team", fits.id, "certified")
        assert "certified" == json.loads(certified.document)["status"]
        assert ["L1-TEAM-3"] == await refused(repository, tenant, "team", lonely.id)
        assert [["L1-TEAM-3"]] * 2 == [
            [check.id for check in report.checks if not check.passed]
            for report in reports
            if report
        ]

    async def test_agents(self, repository: Repository, tenant: Tenant) -> None:
        """Job role and industry in force; skills in force, covering the role's essential ones."""
        world = await make_world(repository, tenant)
        role = str(
            (await create(repository, tenant.author, "job_role", job_role_body([world.skill]))).id
        )
        draft = str((await create(repository, tenant.author, "skill", skill_body())).id)
        other = str((await active_skill(repository, tenant)).id)
        good = {"job_role_id": world.job_role, "skill_ids": [world.skill]}
        for rules, fault in (
            (["L1-AGENT-1"], {"job_role_id": role}),
            (["L1-AGENT-3"], {"skill_ids": [world.skill, draft]}),
            (["L1-AGENT-3"], {"skill_ids": [other]}),
            (["L1-AGENT-3", "L1-AGENT-3"], {"skill_ids": [draft]}),
            # What a job role that is not in force needs is not told: it may be a hidden draft.
            (["L1-AGENT-1"], {"job_role_id": role, "skill_ids": []}),
        ):
            body = agent_body(world.job_role, world.industry, [world.skill], **fault)
            made = await create(repository, tenant.author, "agent", body)
            await step(repository, tenant.author, "agent", made.id, "under_review")
            assert rules == await refused(repository, tenant, "agent", made.id)
            await mended(repository, tenant, "agent", made.id, good)

    async def test_the_industry_of_an_agent(self, repository: Repository, tenant: Tenant) -> None:
        """It never changes, so it is the industry that has to come into force."""
        world = await make_world(repository, tenant)
        industry = await create(repository, tenant.author, "industry", industry_body())
        body = agent_body(world.job_role, str(industry.id), [world.skill])
        made = await create(repository, tenant.author, "agent", body)
        with pytest.raises(Problem) as caught:
            await amend(
                repository, tenant.author, "agent", made.id, {"industry_id": world.industry}
            )
        await step(repository, tenant.author, "agent", made.id, "under_review")

        assert "immutable-field" == caught.value.slug
        assert ["L1-AGENT-2"] == await refused(repository, tenant, "agent", made.id)
        await raise_to(repository, tenant, "industry", industry.id, "certified")
        await step(repository, tenant.certifier, "agent", made.id, "certified")

    async def test_they_are_asked_again_on_entering_active(
        self, repository: Repository, tenant: Tenant, superuser: Connection
    ) -> None:
        """What was certified may have lost what it rests on, by an owner's hand: found."""
        skill = await active_skill(repository, tenant)
        role = await create(repository, tenant.author, "job_role", job_role_body([str(skill.id)]))
        await raise_to(repository, tenant, "job_role", role.id, "certified")
        async with asleep(superuser, "app.base_entity"):
            await superuser.execute(
                "UPDATE app.base_entity SET status = 'under_review' WHERE id = $1", skill.id
            )
        with pytest.raises(RuleViolated) as caught:
            await step(repository, tenant.author, "job_role", role.id, "active")

        assert ["L1-ROLE-2"] == [error.rule for error in caught.value.errors]

    @pytest.mark.parametrize(
        "kind,given",
        [
            ("skill", {"category": None}),
            ("industry", {"scheme": "s"}),
            ("industry", {"scheme": "s", "code": "c"}),
            ("industry", {"code": "c", "level": 1}),
        ],
    )
    async def test_some_hold_from_the_beginning(
        self, repository: Repository, tenant: Tenant, kind: str, given: dict[str, Any]
    ) -> None:
        """A category is set (L1-SKILL-2), scheme and code agree (L1-IND-2), in drafts too."""
        body = skill_body(**given) if kind == "skill" else industry_body(**given)
        with pytest.raises(Problem) as caught:
            await create(repository, tenant.author, kind, body)

        assert "invalid-body" == caught.value.slug


class TestFourEyes:
    """Nobody certifies or rejects what their own governance agent wrote."""

    async def test_not_with_another_key_either(
        self, repository: Repository, tenant: Tenant, connect: Connect, actor_with: ActorWith
    ) -> None:
        """The governance agent counts, not the key."""
        second = await actor_with("read", "write", "certify", name="author")
        made = await create(repository, tenant.author, "skill", skill_body())
        await step(repository, tenant.author, "skill", made.id, "under_review")
        async with acting(await connect(), second) as app:
            error = await Savepoint(app).error(STEP, "skill", made.id, "certified", "because", None)

        assert "PL008" == getattr(error, "sqlstate", None)

    async def test_who_touched_it_in_review_does_not_judge_it(
        self, repository: Repository, tenant: Tenant, connect: Connect, actor_with: ActorWith
    ) -> None:
        """A tag that the certifier adds makes a version of theirs: they neither take nor reject."""
        made = await create(repository, tenant.author, "skill", skill_body())
        await step(repository, tenant.author, "skill", made.id, "under_review")
        await amend(repository, tenant.certifier, "skill", made.id, {"tags": ["x"]})
        async with acting(await connect(), tenant.certifier) as app:
            states = [
                await Savepoint(app).state(STEP, "skill", made.id, to, "because", None)
                for to in ("certified", "draft")
            ]
        third = await actor_with("certify", name="third")

        assert ["PL008", "PL008"] == states
        await step(repository, third, "skill", made.id, "certified")

    async def test_what_was_certified_before_does_not_count(
        self, repository: Repository, tenant: Tenant, superuser: Connection, connect: Connect
    ) -> None:
        """Only what was written since the last certification is one's own work."""
        made = await create(repository, tenant.certifier, "skill", skill_body())
        judge = tenant.author
        async with superuser.transaction():
            await superuser.execute(
                "UPDATE app.api_key SET scopes = scopes || '{certify}'::text[] WHERE id = $1",
                judge.context.key_id,
            )
        await step(repository, tenant.certifier, "skill", made.id, "under_review")
        await step(repository, judge, "skill", made.id, "certified")
        async with acting(await connect(), judge, tenant.certifier) as app:
            state = await Savepoint(app).state(
                "UPDATE app.base_entity SET status = 'active' WHERE id = $1", made.id
            )

        assert state is None

    async def test_what_another_has_certified_since_does_not_count(
        self, repository: Repository, tenant: Tenant, actor_with: ActorWith
    ) -> None:
        """Who tagged it certifies nothing until a third has, and everything afterwards."""
        made = await active_skill(repository, tenant)
        third = await actor_with("certify", name="third")
        await amend(repository, tenant.certifier, "skill", made.id, {"tags": ["x"]})
        await reviewed(repository, tenant, "skill", made.id, {"description": "One."})
        with pytest.raises(OwnWork):
            await take(repository, tenant.certifier, "skill", made.id, "certified")
        await take(repository, third, "skill", made.id, "certified")

        await amended(repository, tenant, "skill", made.id, {"description": "Two."})
        now = await document(repository, tenant.author, "skill", made.id) or {}

        assert "Two." == now["description"]


class TestDeprecation:
    """A reason, and a successor where others depend on it."""

    async def test_it_names_a_reason(
        self, repository: Repository, tenant: Tenant, connect: Connect
    ) -> None:
        """No reason and a blank one are PL009 at /reason."""
        made = await active_skill(repository, tenant)
        async with acting(await connect(), tenant.author) as app:
            errors = [
                await Savepoint(app).error(STEP, "skill", made.id, "deprecated", reason, None)
                for reason in (None, "", " \n ", "\u2003")
            ]

        for error in errors:
            assert "PL009" == getattr(error, "sqlstate", None)
            assert "/reason" in str(getattr(error, "detail", None))

    async def test_its_successor_is_another_of_its_kind_in_force(
        self, repository: Repository, tenant: Tenant, other_tenant: Tenant, connect: Connect
    ) -> None:
        """With dependents in force one is needed; a wrong one is PL005 always."""
        world = await make_world(repository, tenant)
        good = str((await active_skill(repository, tenant)).id)
        lonely = str((await active_skill(repository, tenant)).id)
        draft = str((await create(repository, tenant.author, "skill", skill_body())).id)
        foreign = str((await active_skill(repository, other_tenant)).id)
        never = "01900000-0000-7000-8000-000000000000"
        wrong = (draft, foreign, never, world.industry)
        async with acting(await connect(), tenant.author) as app:
            found = [
                await Savepoint(app).state(
                    STEP, "skill", world.skill, "deprecated", "old", successor
                )
                for successor in (None, world.skill, *wrong, good)
            ]
            alone = [
                await Savepoint(app).state(STEP, "skill", lonely, "deprecated", "old", successor)
                for successor in (None, lonely, *wrong, good)
            ]

        assert ["PL010", *["PL005"] * 5, None] == found
        assert [None, *["PL005"] * 5, None] == alone

    async def test_reason_and_successor_are_logged_with_this_step_alone(
        self, repository: Repository, tenant: Tenant, superuser: Connection, connect: Connect
    ) -> None:
        """They stand beside the payload of the version, and not of the next of the transaction."""
        made = await active_skill(repository, tenant)
        other = await active_skill(repository, tenant)
        async with acting(await connect(), tenant.author) as app:
            await app.execute(STEP, "skill", made.id, "deprecated", "replaced", other.id)
            await app.execute(
                "UPDATE app.base_entity SET governance_notes = 'old' WHERE id = $1", made.id
            )
        rows = await superuser.fetch(
            "SELECT reason, successor_id FROM audit.entry INNER JOIN audit.payload"
            " USING (tenant_id, audit_id) WHERE entity_id = $1 AND version > 4 ORDER BY version",
            made.id,
        )

        assert [("replaced", other.id), (None, None)] == [tuple(row) for row in rows]


class TestArchiving:
    """The end: refused while others in force depend on it, and final."""

    async def test_every_relation_keeps_its_target(
        self, repository: Repository, tenant: Tenant, connect: Connect
    ) -> None:
        """The refusal lists who depends on it, by which relation, and in which state."""
        world = await make_world(repository, tenant)
        optional = str((await active_skill(repository, tenant)).id)
        parent = str((await active_skill(repository, tenant)).id)
        child = await active_skill(repository, tenant, parent_ids=[parent])
        body = job_role_body([world.skill], industry_id=world.industry)
        body["required_skills"].append({"id": optional, "relation": "optional"})
        role = await create(repository, tenant.author, "job_role", body)
        await raise_to(repository, tenant, "job_role", role.id, "certified")
        relations = {
            ("skill", world.skill): {"essential_skill", "skill"},
            ("skill", optional): {"optional_skill"},
            ("skill", parent): {"parent"},
            ("industry", world.industry): {"industry"},
            ("job_role", world.job_role): {"job_role"},
            ("team", world.team): {"team"},
        }
        async with acting(await connect(), tenant.author) as app:
            for (kind, identity), expected_relations in relations.items():
                error = await Savepoint(app).error(STEP, kind, identity, "archived", "old", None)
                told = json.loads(str(getattr(error, "detail", None)))["dependents"]
                assert "PL010" == getattr(error, "sqlstate", None)
                assert expected_relations == {one["relation"] for one in told}
                assert {"id", "entity_type", "name", "status", "relation"} == set(told[0])
                assert {"certified", "active"} >= {one["status"] for one in told}
            # Nothing depends on the child and on the agent.
            for kind, identity in (("skill", str(child.id)), ("agent", world.agent)):
                assert (
                    await Savepoint(app).state(STEP, kind, identity, "archived", "old", None)
                    is None
                )

    async def test_drafts_and_what_is_archived_keep_nothing(
        self, repository: Repository, tenant: Tenant
    ) -> None:
        """Only dependents in force count; when they are gone the target may go."""
        skill = await active_skill(repository, tenant)
        role = await create(repository, tenant.author, "job_role", job_role_body([str(skill.id)]))
        await raise_to(repository, tenant, "job_role", role.id, "deprecated")
        with pytest.raises(Problem) as caught:
            await step(repository, tenant.author, "skill", skill.id, "archived")
        await step(repository, tenant.author, "job_role", role.id, "archived")
        await create(repository, tenant.author, "job_role", job_role_body([str(skill.id)]))
        archived = await step(repository, tenant.author, "skill", skill.id, "archived")

        assert "in-use" == caught.value.slug
        assert "archived" == json.loads(archived.document)["status"]

    async def test_nothing_changes_after_it(
        self, repository: Repository, tenant: Tenant, connect: Connect, superuser: Connection
    ) -> None:
        """Neither content nor operational fields; the time of the end is that of the version."""
        made = await create(repository, tenant.author, "skill", skill_body(tags=["t"]))
        await step(repository, tenant.author, "skill", made.id, "archived")
        async with acting(await connect(), tenant.author) as app:
            states = {
                await Savepoint(app).state(
                    f"UPDATE app.base_entity SET {setting} WHERE id = $1", made.id
                )
                for setting in ("name = 'x'", "governance_notes = 'x'", "status = 'draft'")
            }
        with pytest.raises(Problem) as caught:
            await amend(repository, tenant.author, "skill", made.id, {"tags": []})
        row = await superuser.fetchrow(
            "SELECT archived_at = updated_at FROM app.base_entity WHERE id = $1", made.id
        )

        assert {"PL003"} == states
        assert "step-not-allowed" == caught.value.slug
        assert row
        assert row[0] is True


CONTENT: dict[str, dict[str, Any]] = {
    "skill": {
        "name": "other",
        "description": "Other.",
        "aliases": ["x"],
        "custom_attributes": {"a": 1},
        "external_id": "x",
        "category": "certification",
        "embedding_384": [1.0] + [0.0] * 383,
    },
    "industry": {"name": "other", "scheme": "s", "parent_ids": []},
    "job_role": {"seniority_level": "senior", "required_skills": []},
    "team": {"description": "Other."},
    "agent": {"skill_ids": [], "description": "Other."},
}


class TestCertifiedContent:
    """After the draft only operational fields change."""

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("state", ["under_review", "certified", "active", "deprecated"])
    async def test_content_is_immutable_and_operational_fields_are_not(
        self, repository: Repository, tenant: Tenant, kind: str, state: str
    ) -> None:
        """Each field of the content is refused alone; tags, notes and team make a version."""
        world = await make_world(repository, tenant)
        extra: dict[str, Any] = {}
        if kind == "industry":
            parent = await create(repository, tenant.author, "industry", industry_body())
            extra = {"parent_ids": [str(parent.id)]}
        made = await at(repository, tenant, kind, world, state, **extra)
        if kind == "industry":
            patches: list[dict[str, Any]] = [
                {"name": "other"},
                {"scheme": "s", "code": "c", "level": 1},
                {"parent_ids": []},
            ]
        else:
            patches = [{name: value} for name, value in CONTENT[kind].items()]
        for patch in patches:
            with pytest.raises(Problem) as caught:
                await amend(repository, tenant.author, kind, made.id, patch)
            assert "certified-is-immutable" == caught.value.slug, patch
        allowed: list[dict[str, Any]] = [{"tags": ["new"]}, {"governance_notes": "n"}]
        if kind == "agent":
            allowed.append({"team_id": world.team})
        for number, patch in enumerate(allowed, 1):
            changed = await amend(repository, tenant.author, kind, made.id, patch)
            document = json.loads(changed.document)
            assert made.version + number == changed.version
            assert (state, *patch.values()) == (
                document["status"],
                *(document[name] for name in patch),
            )


async def test_an_actor_without_the_scope_changes_nothing(
    repository: Repository, tenant: Tenant
) -> None:
    """Who may only read is refused by the database itself."""
    actor: Actor = tenant.reader
    with pytest.raises(Problem) as caught:
        await create(repository, actor, "skill", skill_body())

    assert "scope-missing" == caught.value.slug
