"""What a call has in hand while it waits: an entity is locked before what belongs to it.

A session holds a row, a call is seen to wait for that row, and a third session takes what the
call must not have yet, without waiting.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from service.model.batch import prepare
from service.repository.base import Repository
from tests.amending import PROPOSE, TAKE, amended, propose, reviewed
from tests.database.test_races import CHANGE, MAKE, Act, Pair, changing, stepping
from tests.factories import (
    Actor,
    Tenant,
    World,
    active_skill,
    agent_body,
    amend,
    create,
    industry_body,
    job_role_body,
    make_world,
    raise_to,
    skill_body,
    step,
    team_body,
    unique,
)
from tests.postgres import Server
from tests.sessions import Connect, Connection, Savepoint, acting, connections, until_blocked

pytestmark = pytest.mark.database

PARENTS = "SELECT pg_advisory_xact_lock(hashtextextended('plant parents ' || app.tenant_id(), 0))"
TURN = "SELECT pg_try_advisory_xact_lock(hashtextextended('plant parents ' || $1::uuid, 0))"
HOLD = "SELECT FROM app.base_entity WHERE id = $1 FOR NO KEY UPDATE"
ENTITY = "SELECT FROM app.base_entity WHERE id = $1 FOR NO KEY UPDATE NOWAIT"
AMENDMENT = "SELECT FROM app.amendment WHERE entity_id = $1 FOR NO KEY UPDATE NOWAIT"
# What no function does: a DBA's hand.
TOUCH = 'UPDATE app.amendment SET patch = \'{"description": "By hand."}\' WHERE entity_id = $1'
IMPORT = "SELECT app.import_propose(ARRAY[$1::uuid], ARRAY[$2::jsonb])"
IMPORTS = "SELECT app.import_propose($1::uuid[], $2::jsonb[])"
MAKE_AGENTS = "SELECT app.agent_create(ARRAY[uuidv7(), uuidv7()], $1::jsonb[], 'draft')"
BATCH = "SELECT app.batch_once($1, 'null')"
PUT = "SELECT app.put_once($1, $2, NULL, FALSE, $3, 'null')"
ARCHIVE = "SELECT * FROM app.import_archive_try($1, ARRAY[1, 2])"
STAGED = """
INSERT INTO app.import_line (
    tenant_id, import_id, line, kind, entity_id, body, governance_agent_id
) VALUES ($1, $2, $3, 'skill', $4, '{}', $5)
"""


@pytest_asyncio.fixture(loop_scope="module")
async def connect(cluster: Server, database: str) -> AsyncIterator[Connect]:
    """Open sessions as a role."""
    async with connections(cluster, database) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def pair(connect: Connect, superuser: Connection) -> Pair:
    """Have one that holds and one that waits, and a superuser who looks."""
    first, second = await connect(), await connect()
    for session in (first, second):
        await session.execute("SET lock_timeout = '20s'")
    return Pair(first, second, superuser)


def bodies_in(world: World) -> dict[str, dict[str, Any]]:
    """Give a body of each kind, by kind."""
    own = (world.job_role, world.industry)
    return {
        "skill": skill_body(),
        "industry": industry_body(),
        "job_role": job_role_body([world.skill]),
        "team": team_body(*own),
        "agent": agent_body(*own, [world.skill]),
    }


async def waits_without(pair: Pair, held: object, act: Act, other: str, identity: object) -> None:
    """Hold an entity until an act waits for it; what it must not have can be taken meanwhile.

    Without an entity to hold: what a change of parents waits for.
    """
    async with acting(pair.first, act.actor):
        await pair.first.execute(*((HOLD, held) if held else (PARENTS,)))
        waiting = asyncio.ensure_future(pair.sent(act))
        await until_blocked(pair.watcher, pair.second, pair.first, waiting)
        taken = await pair.watcher.execute(other, identity)

    assert taken == "SELECT 1"
    assert await waiting is None


async def in_order(pair: Pair, connect: Connect, ids: list[UUID], act: Act) -> None:
    """Wait for the first without the second, where no index gives an order."""
    one = Pair(pair.first, await connect("superuser"), pair.watcher)
    await one.second.execute("SET enable_indexscan = off; SET enable_bitmapscan = off")
    await waits_without(one, ids[0], act, ENTITY, ids[1])


class TestAmendments:
    """The entity, then its amendment."""

    async def test_a_patch_waits_for_the_entity_with_nothing_in_hand(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """Whoever has the entity can take its amendment next."""
        made = await active_skill(repository, tenant)
        await propose(repository, tenant.author, "skill", made.id, {"description": "One."})
        patch = Act(
            tenant.author, PROPOSE, ("skill", str(made.id), None, json.dumps({"aliases": ["b"]}))
        )

        await waits_without(pair, made.id, patch, AMENDMENT, made.id)

    async def test_a_step_waits_for_the_entity_with_nothing_in_hand(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """Submitting, as patching."""
        made = await active_skill(repository, tenant)
        await propose(repository, tenant.author, "skill", made.id, {"description": "One."})
        submit = Act(tenant.author, TAKE, ("skill", str(made.id), None, "under_review"))

        await waits_without(pair, made.id, submit, AMENDMENT, made.id)

    async def test_of_two_first_patches_the_second_finds_the_first(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """It is told that what it read has changed, and not that a key is taken."""
        made = await active_skill(repository, tenant)
        first, second = (
            Act(
                tenant.author,
                PROPOSE,
                ("skill", str(made.id), made.etag, json.dumps({"description": text})),
            )
            for text in ("One.", "Two.")
        )

        assert "PL002" == await pair.race(first, second)

    async def test_who_changes_one_by_hand_waits_for_the_entity(
        self, repository: Repository, tenant: Tenant, connect: Connect, pair: Pair
    ) -> None:
        """The trigger locks what it compares with, whatever calls it."""
        made = await active_skill(repository, tenant)
        await propose(repository, tenant.author, "skill", made.id, {"description": "One."})
        hand = Pair(pair.first, await connect("superuser"), pair.watcher)
        async with acting(pair.first, tenant.author):
            await pair.first.execute(HOLD, made.id)
            waiting = asyncio.ensure_future(hand.sent(Act(tenant.author, TOUCH, (made.id,))))
            await until_blocked(pair.watcher, hand.second, pair.first, waiting)

        assert await waiting is None

    async def test_an_import_waits_for_the_entity_with_nothing_in_hand(
        self, repository: Repository, tenant: Tenant, connect: Connect, pair: Pair
    ) -> None:
        """An import, as a single patch."""
        made = await active_skill(repository, tenant)
        await propose(repository, tenant.author, "skill", made.id, {"description": "One."})
        one = Pair(pair.first, await connect("superuser"), pair.watcher)
        act = Act(tenant.author, IMPORT, (made.id, json.dumps({"description": "Two."})))

        await waits_without(one, made.id, act, AMENDMENT, made.id)

    async def test_an_import_changes_nothing_that_went_under_review_meanwhile(
        self, repository: Repository, tenant: Tenant, connect: Connect
    ) -> None:
        """It says so, whoever submitted it since the import looked."""
        made = await active_skill(repository, tenant)
        await reviewed(repository, tenant, "skill", made.id, {"description": "One."})
        async with acting(await connect("superuser"), tenant.author) as session:
            state = await Savepoint(session).state(
                IMPORT, made.id, json.dumps({"description": "Two."})
            )

        assert "PL022" == state

    async def test_an_import_leaves_what_is_closed_to_others(
        self, repository: Repository, tenant: Tenant, connect: Connect, pair: Pair
    ) -> None:
        """It has the amendment that it opens; one that was certified before can be taken."""
        made = await active_skill(repository, tenant)
        await amended(repository, tenant, "skill", made.id, {"description": "One."})
        async with acting(await connect("superuser"), tenant.author) as session:
            await session.execute(IMPORT, made.id, json.dumps({"description": "Two."}))
            taken = await pair.watcher.execute(AMENDMENT, made.id)

        assert taken == "SELECT 1"


class TestEntities:
    """Several entities, in the order of their ids; a team before its members."""

    async def test_an_agent_waits_for_the_team_that_it_enters_with_nothing_in_hand(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """Whoever has the team can take its members next."""
        world = await make_world(repository, tenant)
        team = await create(
            repository, tenant.author, "team", team_body(world.job_role, world.industry)
        )
        agent = await create(
            repository,
            tenant.author,
            "agent",
            agent_body(world.job_role, world.industry, [world.skill]),
        )
        enter = changing(tenant.author, "agent", [agent.id], {"team_id": str(team.id)})

        await waits_without(pair, team.id, enter, ENTITY, agent.id)

    async def test_a_put_of_an_agent_waits_for_nobody_who_has_another_entity(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """But for the team that the agent enters."""
        world = await make_world(repository, tenant)
        own = (world.job_role, world.industry)
        team, other = [
            await create(repository, tenant.author, "team", team_body(*own)) for _ in "ab"
        ]
        body = agent_body(*own, [world.skill], external_id=unique("put"))
        await create(repository, tenant.author, "agent", body)
        enters = json.dumps(body | {"team_id": str(team.id)})
        async with acting(pair.first, tenant.author):
            await pair.first.execute(HOLD, other.id)
            act = Act(tenant.author, PUT, ("agent", body["external_id"], enters))
            state = await pair.sent(act)

        assert state is None

    async def test_what_is_absent_is_archived_in_the_order_of_ids(
        self,
        repository: Repository,
        tenant: Tenant,
        connect: Connect,
        pair: Pair,
    ) -> None:
        """Wherever the rows lie: who waits for the first has not taken the second."""
        ids = [
            UUID(str((await create(repository, tenant.author, "skill", skill_body())).id))
            for _ in range(2)
        ]
        run = await pair.watcher.fetchval("SELECT uuidv7()")
        # The first moves behind the second.
        async with acting(pair.first, tenant.author):
            patch = changing(tenant.author, "skill", ids[:1], {"description": unique("moved")})
            await pair.first.execute(patch.statement, *patch.arguments)
        for number, identity in enumerate(ids, 1):
            await pair.watcher.execute(
                STAGED, tenant.id, run, number, identity, tenant.author.context.governance_agent_id
            )
        one = Pair(pair.first, await connect("superuser"), pair.watcher)
        await one.second.execute("SET enable_indexscan = off; SET enable_bitmapscan = off")

        await waits_without(one, ids[0], Act(tenant.author, ARCHIVE, (run,)), ENTITY, ids[1])

    async def apart(
        self, repository: Repository, tenant: Tenant, kind: str, bodies: list[dict[str, Any]]
    ) -> list[UUID]:
        """Have two in force, the first of which lies behind the second."""
        ids = []
        for body in bodies:
            made = await create(repository, tenant.author, kind, body)
            await raise_to(repository, tenant, kind, made.id, "certified")
            ids.append(UUID(str(made.id)))
        await amend(repository, tenant.author, kind, ids[0], {"tags": ["moved"]})
        return ids

    @pytest.mark.parametrize("how", ["created", "changed", "amended"])
    async def test_teams_are_locked_in_the_order_of_ids(
        self, repository: Repository, tenant: Tenant, pair: Pair, connect: Connect, how: str
    ) -> None:
        """Those that agents enter, and the one that an agent leaves by an amendment."""
        world = await make_world(repository, tenant)
        own = (world.job_role, world.industry)
        teams = [
            UUID(str((await create(repository, tenant.author, "team", team_body(*own))).id))
            for _ in range(2)
        ]
        for team in teams:
            # A draft is not there for whoever certifies.
            await step(repository, tenant.author, "team", team, "under_review")
        bodies = [agent_body(*own, [world.skill], team_id=str(team)) for team in teams]
        made = [await create(repository, tenant.author, "agent", one) for one in bodies]
        if how == "amended":
            await raise_to(repository, tenant, "agent", made[1].id, "certified")
            patch = {"team_id": str(teams[0]), "description": "Another."}
            await reviewed(repository, tenant, "agent", made[1].id, patch)
        await amend(repository, tenant.author, "team", teams[0], {"tags": ["moved"]})
        texts = [json.dumps(agent_body(*own, [world.skill], team_id=str(team))) for team in teams]
        ids, none = [one.id for one in made], [None, None]
        swapped = [json.dumps({"team_id": str(team)}) for team in reversed(teams)]
        act = {
            "created": Act(tenant.author, MAKE_AGENTS, (texts[::-1],)),
            "changed": Act(tenant.author, CHANGE.format("agent"), (ids, none, swapped)),
            "amended": Act(tenant.certifier, TAKE, ("agent", str(ids[1]), None, "certified")),
        }[how]

        await in_order(pair, connect, teams, act)

    async def test_what_is_changed_is_locked_in_the_order_of_ids(
        self, repository: Repository, tenant: Tenant, pair: Pair, connect: Connect
    ) -> None:
        """However the call names them."""
        ids = await self.apart(repository, tenant, "skill", [skill_body(), skill_body()])
        act = changing(tenant.author, "skill", ids[::-1], {"tags": ["changed"]})

        await in_order(pair, connect, ids, act)

    async def test_what_is_proposed_for_is_locked_in_the_order_of_ids(
        self, repository: Repository, tenant: Tenant, pair: Pair, connect: Connect
    ) -> None:
        """By an import."""
        ids = await self.apart(repository, tenant, "skill", [skill_body(), skill_body()])
        bodies = [json.dumps({"description": "Other."})] * 2

        await in_order(pair, connect, ids, Act(tenant.author, IMPORTS, (ids[::-1], bodies)))

    async def test_what_one_rests_on_is_locked_in_the_order_of_ids(
        self, repository: Repository, tenant: Tenant, pair: Pair, connect: Connect
    ) -> None:
        """Certifying locks what the entity refers to; a bitmap gives the order of the table."""
        ids = await self.apart(repository, tenant, "skill", [skill_body(), skill_body()])
        skills = [str(one) for one in ids[::-1]]
        made = await create(repository, tenant.author, "job_role", job_role_body(skills))
        await step(repository, tenant.author, "job_role", made.id, "under_review")
        act = stepping(tenant.certifier, "job_role", made.id, "certified")
        # A state is in an index: what changes it leaves its place there too.
        await step(repository, tenant.author, "skill", ids[0], "active")
        one = Pair(pair.first, await connect("superuser"), pair.watcher)
        await one.second.execute("SET enable_indexscan = off")

        await waits_without(one, ids[0], act, ENTITY, ids[1])

    @pytest.mark.parametrize("kind", ["skill", "industry", "job_role", "team", "agent"])
    async def test_a_change_of_parents_waits_with_nothing_in_hand(
        self, repository: Repository, tenant: Tenant, pair: Pair, kind: str
    ) -> None:
        """Whoever changes parents takes the tenant's turn before any row."""
        world = await make_world(repository, tenant)
        bodies = bodies_in(world)
        made = await create(repository, tenant.author, kind, bodies[kind])
        act = changing(tenant.author, kind, [made.id], {"parent_ids": [getattr(world, kind)]})

        await waits_without(pair, None, act, ENTITY, made.id)

    async def test_a_put_that_changes_parents_waits_with_nothing_in_hand(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """As any other change of them."""
        top = await create(repository, tenant.author, "skill", skill_body())
        body = skill_body(external_id=unique("put"))
        made = await create(repository, tenant.author, "skill", body)
        below = json.dumps(body | {"parent_ids": [str(top.id)]})
        act = Act(tenant.author, PUT, ("skill", body["external_id"], below))

        await waits_without(pair, None, act, ENTITY, made.id)

    @pytest.mark.parametrize("kind", ["skill", "industry", "job_role", "team", "agent"])
    async def test_another_change_keeps_nobody_from_changing_parents(
        self, repository: Repository, tenant: Tenant, pair: Pair, kind: str
    ) -> None:
        """Nor does a put that says nothing of them, and not only of what is below nobody."""
        world = await make_world(repository, tenant)
        body = bodies_in(world)[kind] | {"external_id": unique("put")}
        below = body | {"parent_ids": [str(getattr(world, kind))]}
        made = await create(repository, tenant.author, kind, below)
        put = Act(tenant.author, PUT, (kind, body["external_id"], json.dumps(body)))
        for act in (changing(tenant.author, kind, [made.id], {"tags": ["changed"]}), put):
            async with acting(pair.first, tenant.author):
                await pair.first.execute(act.statement, *act.arguments)
                assert await pair.watcher.fetchval(TURN, tenant.id)

    async def test_who_is_new_below_another_keeps_nobody_from_changing_parents(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """Nothing lies below it that could close a cycle, whatever lies below others."""
        top = await create(repository, tenant.author, "skill", skill_body())
        below = [skill_body(parent_ids=[str(top.id)]) for _ in range(2)]
        await create(repository, tenant.author, "skill", below[0])
        async with acting(pair.first, tenant.author):
            await pair.first.execute(MAKE.format("skill"), json.dumps(below[1]))
            free = await pair.watcher.fetchval(TURN, tenant.id)

        assert free


class TestBatches:
    """What a batch locks before it does anything."""

    def batch(self, actor: Actor, *operations: dict[str, Any]) -> Act:
        """Do operations as the service sends them."""
        sent = prepare(json.dumps({"operations": operations}).encode()).encoded()
        return Act(actor, BATCH, (sent.decode(),))

    async def is_free(self, pair: Pair, tenant: Tenant, act: Act) -> bool:
        """Say whether parents may be changed while the transaction of an act is open."""
        async with acting(pair.first, act.actor):
            await pair.first.execute(act.statement, *act.arguments)
            return bool(await pair.watcher.fetchval(TURN, tenant.id))

    async def test_one_that_changes_no_parents_keeps_nobody_from_changing_them(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """Creates, below others too, other changes and steps: each takes what it takes alone."""
        world = await make_world(repository, tenant)
        made = await create(repository, tenant.author, "skill", skill_body())
        bodies = bodies_in(world)
        creates = [{"op": "create", "kind": kind, "body": body} for kind, body in bodies.items()]
        below = {"op": "create", "kind": "skill", "body": skill_body(parent_ids=[str(made.id)])}
        of_it = {"kind": "skill", "id": str(made.id), "if_match": "*"}
        amend = {"op": "amend", **of_it, "patch": {"tags": ["changed"]}}
        submit = {"op": "status", **of_it, "to": "under_review", "reason": "ready"}
        act = self.batch(tenant.author, *creates, below, amend, submit)

        assert await self.is_free(pair, tenant, act)

    @pytest.mark.parametrize("parents", [1, 0])
    async def test_one_that_changes_parents_waits_with_nothing_in_hand(
        self, repository: Repository, tenant: Tenant, pair: Pair, parents: int
    ) -> None:
        """It takes the tenant's turn first, and has it to its end; without parents too."""
        top, made = [await create(repository, tenant.author, "skill", skill_body()) for _ in "ab"]
        amend = {"op": "amend", "kind": "skill", "id": str(made.id), "if_match": "*"}
        patch = {"parent_ids": [str(top.id)] * parents}
        act = self.batch(tenant.author, amend | {"patch": patch})

        await waits_without(pair, None, act, ENTITY, made.id)
        assert not await self.is_free(pair, tenant, act)

    async def test_one_waits_for_the_team_that_an_agent_enters_with_nothing_in_hand(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """The team before its members, whatever else the batch changes."""
        world = await make_world(repository, tenant)
        own = (world.job_role, world.industry)
        body = agent_body(*own, [world.skill])
        team = await create(repository, tenant.author, "team", team_body(*own))
        agent = await create(repository, tenant.author, "agent", body)
        enter = {"op": "amend", "kind": "agent", "id": str(agent.id), "if_match": "*"}
        act = self.batch(tenant.author, enter | {"patch": {"team_id": str(team.id)}})

        await waits_without(pair, team.id, act, ENTITY, agent.id)

    async def test_what_one_changes_is_locked_in_the_order_of_ids(
        self, repository: Repository, tenant: Tenant, pair: Pair, connect: Connect
    ) -> None:
        """Before any of it is changed, whatever comes first in the batch and in the table."""
        ids = [
            UUID(str((await create(repository, tenant.author, "skill", skill_body())).id))
            for _ in "ab"
        ]
        await amend(repository, tenant.author, "skill", ids[0], {"tags": ["moved"]})
        amends = [
            {"op": "amend", "kind": "skill", "id": str(one), "if_match": "*"}
            | {"patch": {"tags": ["changed"]}}
            for one in ids[::-1]
        ]

        await in_order(pair, connect, ids, self.batch(tenant.author, *amends))
