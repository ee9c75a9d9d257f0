"""Two sessions at once: what one of them must wait for, and what it then finds.

Nothing sleeps: a session is known to wait for the other when the server says so.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from msgspec import Struct

from service.repository.base import Repository
from tests.amending import TAKE, reviewed
from tests.factories import (
    Actor,
    Tenant,
    active_skill,
    agent_body,
    create,
    document,
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
from tests.sessions import Connect, Connection, acting, become, connections, until_blocked

pytestmark = pytest.mark.database

STEP = "SELECT app.entity_step($1, $2, NULL, $3, 'because', $4)"
STEP_IF = "SELECT app.entity_step($1, $2, $3, $4, 'because', NULL)"
MAKE = "SELECT app.{}_create(ARRAY[uuidv7()], ARRAY[$1::jsonb], 'draft')"
CHANGE = "SELECT app.{}_amend($1::uuid[], $2::text[], $3::jsonb[], TRUE, NULL)"
PUT = "SELECT app.put_once('skill', $1, $2, FALSE, $3, 'null')"
LINK = "SELECT app.link_once('job_role', $1, NULL, 'skill', $2, $3, 'null')"


class Act(Struct, frozen=True):
    """A statement that an actor sends."""

    actor: Actor
    statement: str
    arguments: tuple[object, ...] = ()


class Pair(Struct, frozen=True):
    """Two sessions, and a third that watches them."""

    first: Connection
    second: Connection
    watcher: Connection

    async def race(self, held: Act, waiting: Act, *, commit: bool = True) -> str | None:
        """Hold what one act locks until the other is seen to wait for it, then let go.

        Gives the SQLSTATE that the second ends with, at COMMIT too; None when it commits.
        """
        undone = self.first.transaction()
        await undone.start()
        await become(self.first, held.actor)
        await self.first.execute(held.statement, *held.arguments)
        second = asyncio.ensure_future(self.sent(waiting))
        try:
            await until_blocked(self.watcher, self.second, self.first, second)
        finally:
            await (undone.commit() if commit else undone.rollback())
        return await second

    async def sent(self, act: Act) -> str | None:
        """Send an act from the second session; the SQLSTATE it ends with, None when it commits."""
        try:
            async with acting(self.second, act.actor):
                await self.second.execute(act.statement, *act.arguments)
        except asyncpg.PostgresError as error:
            return error.sqlstate
        return None


@pytest_asyncio.fixture(loop_scope="module")
async def connect(cluster: Server, database: str) -> AsyncIterator[Connect]:
    """Open sessions as a role; one that waits longer than a test may is ended."""
    async with connections(cluster, database) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def pair(connect: Connect, superuser: Connection) -> Pair:
    """Have two sessions of the service's role."""
    first, second = await connect(), await connect()
    # A test that waits for what never comes fails with 55P03, not by hanging.
    for session in (first, second):
        await session.execute("SET lock_timeout = '20s'")
    return Pair(first, second, superuser)


def stepping(actor: Actor, kind: str, identity: object, to: str, successor: object = None) -> Act:
    """Take a step."""
    return Act(actor, STEP, (kind, str(identity), to, successor and str(successor)))


def changing(
    actor: Actor, kind: str, ids: Sequence[object], patch: dict[str, Any], etag: str | None = None
) -> Act:
    """Change some of one kind."""
    many = len(ids)
    arguments = ([str(one) for one in ids], [etag] * many, [json.dumps(patch)] * many)
    return Act(actor, CHANGE.format(kind), arguments)


def making(actor: Actor, kind: str, body: dict[str, Any]) -> Act:
    """Create one."""
    return Act(actor, MAKE.format(kind), (json.dumps(body),))


async def status(repository: Repository, tenant: Tenant, kind: str, identity: object) -> str:
    """Read the state of an entity."""
    found = await document(repository, tenant.author, kind, str(identity))
    assert found
    return str(found["status"])


class Needs(Struct, frozen=True):
    """A dependent under review and the target in force that it rests on."""

    kind: str
    dependent: str
    target_kind: str
    target: str


async def resting(repository: Repository, tenant: Tenant, kind: str, target_kind: str) -> Needs:
    """Make a dependent of a kind under review whose target nothing else needs."""
    world = await make_world(repository, tenant)
    target = ""
    targets: dict[str, Callable[[], dict[str, Any]]] = {
        "skill": skill_body,
        "industry": industry_body,
        "job_role": lambda: job_role_body([world.skill]),
        "team": lambda: team_body(world.job_role, world.industry),
    }
    if target_kind != "agent":
        made = await create(repository, tenant.author, target_kind, targets[target_kind]())
        if target_kind == "team":
            body = agent_body(world.job_role, world.industry, [world.skill], team_id=str(made.id))
            member_id = (await create(repository, tenant.author, "agent", body)).id
            await step(repository, tenant.author, "agent", member_id, "under_review")
        await raise_to(repository, tenant, target_kind, made.id, "active")
        target = str(made.id)
    own = {f"{target_kind}_id": target} if target_kind in {"industry", "job_role"} else {}
    role, industry = own.get("job_role_id", world.job_role), own.get("industry_id", world.industry)
    bodies = {
        "skill": lambda: skill_body(parent_ids=[target]),
        "job_role": lambda: job_role_body([world.skill, target]),
        "team": lambda: team_body(role, industry),
        "agent": lambda: agent_body(
            role,
            industry,
            [world.skill, *([target] if target_kind == "skill" else [])],
            team_id=target if target_kind == "team" else None,
        ),
    }
    dependent = await create(repository, tenant.author, kind, bodies[kind]())
    if kind == "team":
        body = agent_body(role, industry, [world.skill], team_id=str(dependent.id))
        member = await create(repository, tenant.author, "agent", body)
        await step(repository, tenant.author, "agent", member.id, "under_review")
        if target_kind == "agent":
            target = str(member.id)
    await step(repository, tenant.author, kind, dependent.id, "under_review")
    return Needs(kind, str(dependent.id), target_kind, target)


DEPENDENCIES = [
    ("agent", "team"),
    ("job_role", "skill"),
    ("agent", "skill"),
    ("agent", "job_role"),
    ("agent", "industry"),
    ("team", "job_role"),
    ("team", "industry"),
    ("skill", "skill"),
]


class TestArchiveAgainstCertify:
    """Archiving a target and certifying what needs it: one of the two, never both."""

    @pytest.mark.parametrize("kind,target", [*DEPENDENCIES, ("team", "agent")])
    async def test_the_certifier_waits_for_the_archiver(
        self, repository: Repository, tenant: Tenant, pair: Pair, kind: str, target: str
    ) -> None:
        """When the target went meanwhile the rules are not met."""
        one = await resting(repository, tenant, kind, target)
        state = await pair.race(
            stepping(tenant.author, one.target_kind, one.target, "archived"),
            stepping(tenant.certifier, one.kind, one.dependent, "certified"),
        )

        assert "PL006" == state
        assert "under_review" == await status(repository, tenant, kind, one.dependent)

    @pytest.mark.parametrize("kind,target", DEPENDENCIES)
    async def test_the_archiver_waits_for_the_certifier(
        self, repository: Repository, tenant: Tenant, pair: Pair, kind: str, target: str
    ) -> None:
        """When a dependent entered force meanwhile the target is in use."""
        one = await resting(repository, tenant, kind, target)
        state = await pair.race(
            stepping(tenant.certifier, one.kind, one.dependent, "certified"),
            stepping(tenant.author, one.target_kind, one.target, "archived"),
        )

        assert "PL010" == state
        assert "active" == await status(repository, tenant, target, one.target)

    async def test_the_certifier_waits_for_a_member_that_becomes_a_draft(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """A draft is no member: when the only one was withdrawn meanwhile the team has none."""
        one = await resting(repository, tenant, "team", "agent")
        state = await pair.race(
            stepping(tenant.author, "agent", one.target, "draft"),
            stepping(tenant.certifier, "team", one.dependent, "certified"),
        )

        assert "PL006" == state
        assert "under_review" == await status(repository, tenant, "team", one.dependent)

    async def test_what_was_undone_is_in_nobody_s_way(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """A certification that is rolled back lets the archiver go on."""
        one = await resting(repository, tenant, "job_role", "skill")
        state = await pair.race(
            stepping(tenant.certifier, one.kind, one.dependent, "certified"),
            stepping(tenant.author, one.target_kind, one.target, "archived"),
            commit=False,
        )

        assert state is None

    @pytest.mark.parametrize("kind,target", DEPENDENCIES)
    async def test_a_plain_update_is_no_way_around(
        self, repository: Repository, tenant: Tenant, pair: Pair, kind: str, target: str
    ) -> None:
        """What a DBA types takes the same locks."""
        one = await resting(repository, tenant, kind, target)
        update = "UPDATE app.base_entity SET status = '{}' WHERE id = $1"
        state = await pair.race(
            Act(tenant.certifier, update.format("certified"), (one.dependent,)),
            Act(tenant.author, update.format("archived"), (one.target,)),
        )

        assert "PL010" == state

    async def test_a_successor_that_goes_is_none(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """Deprecation waits for who archives its successor."""
        old, new = [str((await active_skill(repository, tenant)).id) for _ in range(2)]
        state = await pair.race(
            stepping(tenant.author, "skill", new, "archived"),
            stepping(tenant.author, "skill", old, "deprecated", new),
        )

        assert "PL005" == state


class TestOneEntity:
    """Two who change the same entity."""

    @pytest.mark.parametrize("with_tag", [True, False])
    async def test_two_certifiers(
        self, repository: Repository, tenant: Tenant, pair: Pair, *, with_tag: bool
    ) -> None:
        """The first decision wins; the second finds another version, or no such step."""
        made = await create(repository, tenant.author, "skill", skill_body())
        reviewed = await step(repository, tenant.author, "skill", made.id, "under_review")
        etag = reviewed.etag if with_tag else None
        act = Act(tenant.certifier, STEP_IF, ("skill", str(made.id), etag, "certified"))
        state = await pair.race(act, act)

        assert ("PL002" if with_tag else "PL003") == state

    async def test_certify_and_reject(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """Who would certify what was just rejected sees a draft of another: nothing."""
        made = await create(repository, tenant.author, "skill", skill_body())
        await step(repository, tenant.author, "skill", made.id, "under_review")
        state = await pair.race(
            stepping(tenant.certifier, "skill", made.id, "draft"),
            stepping(tenant.certifier, "skill", made.id, "certified"),
        )

        assert "PL001" == state

    async def test_amend_and_amend_under_the_same_tag(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """Nobody's change is lost: the second is stale."""
        made = await create(repository, tenant.author, "skill", skill_body())
        acts = [
            changing(tenant.author, "skill", [made.id], {"description": text}, made.etag)
            for text in ("first", "second")
        ]

        assert "PL002" == await pair.race(*acts)

    async def test_put_and_put_under_the_same_tag(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """The tag of the second is not that of what it finds."""
        body = skill_body(external_id=unique("put"))
        made = await create(repository, tenant.author, "skill", body)
        first, second = [
            Act(
                tenant.author,
                PUT,
                (body["external_id"], made.etag, json.dumps(body | {"description": text})),
            )
            for text in ("One.", "Two.")
        ]

        assert "PL002" == await pair.race(first, second)

    async def test_link_and_link(self, repository: Repository, tenant: Tenant, pair: Pair) -> None:
        """The second is made beside the first."""
        skills = [str((await active_skill(repository, tenant)).id) for _ in "abc"]
        made = await create(repository, tenant.author, "job_role", job_role_body(skills[:1]))
        first, second = [
            Act(tenant.author, LINK, (made.id, skill, '{"relation": "optional"}'))
            for skill in skills[1:]
        ]
        state = await pair.race(first, second)
        found = await document(repository, tenant.author, "job_role", made.id) or {}

        assert state is None
        assert skills == [required["id"] for required in found["required_skills"]]

    async def test_amend_and_archive(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """What is archived meanwhile does not change."""
        made = await create(repository, tenant.author, "skill", skill_body())
        state = await pair.race(
            stepping(tenant.author, "skill", made.id, "archived"),
            changing(tenant.author, "skill", [made.id], {"tags": ["late"]}),
        )

        assert "PL003" == state

    async def test_amend_and_submit(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """What was submitted meanwhile keeps its content."""
        made = await create(repository, tenant.author, "skill", skill_body())
        state = await pair.race(
            stepping(tenant.author, "skill", made.id, "under_review"),
            changing(tenant.author, "skill", [made.id], {"category": "certification"}),
        )

        assert "PL004" == state

    async def test_a_step_while_a_set_is_written(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """As while an import runs: the step waits, and is stale or goes on from there."""
        made = [await create(repository, tenant.author, "skill", skill_body()) for _ in range(3)]
        ids = [one.id for one in made]
        written = changing(tenant.author, "skill", ids, {"tags": ["set"]})
        tagged = Act(tenant.author, STEP_IF, ("skill", str(ids[1]), made[1].etag, "under_review"))
        stale = await pair.race(written, tagged)
        fine = await pair.race(written, stepping(tenant.author, "skill", ids[1], "under_review"))
        found = await document(repository, tenant.author, "skill", ids[1])
        assert found

        assert ("PL002", None) == (stale, fine)
        assert (4, "under_review", ["set"]) == (found["version"], found["status"], found["tags"])


class TestNames:
    """Two who want the same name."""

    @pytest.mark.parametrize(
        "kind,one,other",
        [
            ("skill", {"name": "same"}, {"name": "SAME"}),
            ("skill", {"external_id": "same"}, {"external_id": "same"}),
            (
                "industry",
                {"scheme": "s", "code": "c", "level": 1},
                {"scheme": "s", "code": "c", "level": 2},
            ),
            (
                "industry",
                {"name": "same", "scheme": "s", "code": "1", "level": 1},
                {"name": "same", "scheme": "s", "code": "2", "level": 1},
            ),
        ],
    )
    @pytest.mark.parametrize("commit", [True, False])
    async def test_only_one_gets_it(
        self,
        tenant: Tenant,
        pair: Pair,
        kind: str,
        one: dict[str, Any],
        other: dict[str, Any],
        *,
        commit: bool,
    ) -> None:
        """The second waits until it is known whether the first keeps it."""
        body = {"skill": skill_body, "industry": industry_body}[kind]
        state = await pair.race(
            making(tenant.author, kind, body(**one)),
            making(tenant.certifier, kind, body(**other)),
            commit=commit,
        )

        assert ("23505" if commit else None) == state

    async def test_archiving_sets_a_name_free(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """Who wants a name that is being given up waits, and gets it."""
        name = unique("name")
        made = await create(repository, tenant.author, "skill", skill_body(name=name))
        state = await pair.race(
            stepping(tenant.author, "skill", made.id, "archived"),
            making(tenant.author, "skill", skill_body(name=name)),
        )

        assert state is None

    async def test_a_level_that_changes_takes_the_name_along(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """An industry moves into the scope where another takes the same name."""
        place = {"name": unique("n"), "scheme": "s"}
        first = await create(
            repository, tenant.author, "industry", industry_body(**place, code="1", level=1)
        )
        state = await pair.race(
            making(tenant.author, "industry", industry_body(**place, code="2", level=2)),
            changing(tenant.author, "industry", [first.id], {"level": 2}),
        )

        assert "23505" == state


class TestParents:
    """Two who close a cycle together."""

    @pytest.mark.parametrize("length", [2, 3, 5])
    async def test_a_cycle_from_two_sessions(
        self, repository: Repository, tenant: Tenant, pair: Pair, length: int
    ) -> None:
        """Each alone is fine, both are not: the second waits, looks again, and is refused."""
        ids: list[str] = []
        for number in range(length):
            # A chain but for two links: the first to the second, the last to the first.
            parents = [] if number < 2 else [ids[-1]]
            made = await create(repository, tenant.author, "skill", skill_body(parent_ids=parents))
            ids.append(str(made.id))
        state = await pair.race(
            changing(tenant.author, "skill", [ids[1]], {"parent_ids": [ids[0]]}),
            changing(tenant.author, "skill", [ids[0]], {"parent_ids": [ids[-1]]}),
        )

        assert "PL012" == state

    async def test_what_stands_on_the_way_may_be_hidden(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """Another agent's draft between the two is seen by the check, and not told."""
        top = await create(repository, tenant.author, "skill", skill_body())
        await step(repository, tenant.author, "skill", top.id, "under_review")
        hidden = await create(
            repository, tenant.certifier, "skill", skill_body(parent_ids=[str(top.id)])
        )
        await step(repository, tenant.certifier, "skill", hidden.id, "under_review")
        low = await create(
            repository, tenant.author, "skill", skill_body(parent_ids=[str(hidden.id)])
        )
        for one, actor in ((hidden, tenant.certifier), (top, tenant.author)):
            await step(repository, actor, "skill", one.id, "draft")
        async with acting(pair.first, tenant.author) as app:
            with pytest.raises(asyncpg.PostgresError) as caught:
                await app.execute(
                    CHANGE.format("skill"),
                    [str(top.id)],
                    [None],
                    [json.dumps({"parent_ids": [str(low.id)]})],
                )

        assert "PL012" == caught.value.sqlstate
        assert str(hidden.id) not in f"{caught.value} {caught.value.detail}"

    async def test_a_cycle_among_new_ones(self, tenant: Tenant, pair: Pair) -> None:
        """Ids chosen by a direct call: new rows that refer to each other are refused too."""
        make = "SELECT app.skill_create($1::uuid[], $2::jsonb[], 'draft')"
        async with acting(pair.first, tenant.author) as app:
            one, two = [str(await app.fetchval("SELECT uuidv7()")) for _ in range(2)]
            bodies = [json.dumps(skill_body(parent_ids=[parent])) for parent in (two, one)]
            with pytest.raises(asyncpg.PostgresError) as caught:
                await app.execute(make, [one, two], bodies)
        async with acting(pair.first, tenant.author) as app:
            await app.execute(make, [one], bodies[:1])
            with pytest.raises(asyncpg.PostgresError) as later:
                await app.execute(make, [two], bodies[1:])

        assert ("PL012", "PL012") == (caught.value.sqlstate, later.value.sqlstate)

    async def test_new_ones_do_not_wait_for_each_other(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """Nothing refers to what is new, so creating below a parent needs no turn."""
        parent = await create(repository, tenant.author, "skill", skill_body())
        body = {"parent_ids": [str(parent.id)]}
        async with acting(pair.first, tenant.author), acting(pair.second, tenant.author):
            for session in (pair.first, pair.second):
                act = making(tenant.author, "skill", skill_body(**body))
                await session.execute("SET LOCAL lock_timeout = '2s'")
                await session.execute(act.statement, *act.arguments)


class TestOrder:
    """Locks in one order: who waits, waits in no circle."""

    async def test_sets_are_locked_in_the_order_of_ids(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """Two writers of the same set in opposite order: the second just waits."""
        ids = [
            (await create(repository, tenant.author, "skill", skill_body())).id for _ in range(4)
        ]
        holder = pair.first.transaction()
        await holder.start()
        await become(pair.first, tenant.author)
        # The lowest is held; who asks for the set from its other end must not hold the rest.
        act = changing(tenant.author, "skill", ids[:1], {"tags": ["a"]})
        await pair.first.execute(act.statement, *act.arguments)
        waiting = asyncio.ensure_future(
            pair.sent(changing(tenant.author, "skill", ids[::-1], {"tags": ["b"]}))
        )
        await until_blocked(pair.watcher, pair.second, pair.first, waiting)
        act = changing(tenant.author, "skill", ids, {"tags": ["c"]})
        await pair.first.execute("SET LOCAL lock_timeout = '2s'")
        await pair.first.execute(act.statement, *act.arguments)
        await holder.commit()

        assert await waiting is None

    async def test_references_are_locked_in_the_order_of_ids(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """A certifier who waits for the lowest of its references holds none above it."""
        ids = sorted([str((await active_skill(repository, tenant)).id) for _ in range(3)])
        role = await create(repository, tenant.author, "job_role", job_role_body(ids[::-1]))
        await step(repository, tenant.author, "job_role", role.id, "under_review")
        holder = pair.first.transaction()
        await holder.start()
        await become(pair.first, tenant.author)
        act = changing(tenant.author, "skill", ids[:1], {"tags": ["a"]})
        await pair.first.execute(act.statement, *act.arguments)
        certify = stepping(tenant.certifier, "job_role", role.id, "certified")
        waiting = asyncio.ensure_future(pair.sent(certify))
        await until_blocked(pair.watcher, pair.second, pair.first, waiting)
        act = changing(tenant.author, "skill", ids[1:], {"tags": ["a"]})
        await pair.first.execute("SET LOCAL lock_timeout = '2s'")
        await pair.first.execute(act.statement, *act.arguments)
        await holder.commit()

        assert await waiting is None

    async def test_a_team_and_its_member_enter_force_together(
        self, repository: Repository, tenant: Tenant, pair: Pair, connect: Connect
    ) -> None:
        """The team is locked before its members by both: they wait in a line, not in a circle."""
        world = await make_world(repository, tenant)
        team = await create(
            repository, tenant.author, "team", team_body(world.job_role, world.industry)
        )
        body = agent_body(world.job_role, world.industry, [world.skill], team_id=str(team.id))
        agent = await create(repository, tenant.author, "agent", body)
        await raise_to(repository, tenant, "agent", agent.id, "certified")
        await raise_to(repository, tenant, "team", team.id, "certified")
        other = Pair(await connect(), await connect(), pair.watcher)
        async with acting(pair.first, tenant.author):
            # Both meet at the member, which somebody else has in hand.
            act = changing(tenant.author, "agent", [agent.id], {"tags": ["x"]})
            await pair.first.execute(act.statement, *act.arguments)
            member = asyncio.ensure_future(
                pair.sent(stepping(tenant.author, "agent", agent.id, "active"))
            )
            await until_blocked(pair.watcher, pair.second, pair.first, member)
            whole = asyncio.ensure_future(
                other.sent(stepping(tenant.author, "team", team.id, "active"))
            )
            await until_blocked(pair.watcher, other.second, pair.second, whole)

        assert (None, None) == (await member, await whole)

    async def test_a_team_enters_force_while_its_member_is_amended(
        self, repository: Repository, tenant: Tenant, pair: Pair, connect: Connect
    ) -> None:
        """Who certifies an amendment locks the team first too: nobody waits in a circle."""
        world = await make_world(repository, tenant)
        team = await create(
            repository, tenant.author, "team", team_body(world.job_role, world.industry)
        )
        body = agent_body(world.job_role, world.industry, [world.skill], team_id=str(team.id))
        agent = await create(repository, tenant.author, "agent", body)
        await raise_to(repository, tenant, "agent", agent.id, "certified")
        await raise_to(repository, tenant, "team", team.id, "certified")
        await reviewed(repository, tenant, "agent", agent.id, {"description": "Renamed."})
        etag = await pair.watcher.fetchval(
            "SELECT app.etag(version, version_hash) FROM app.amendment WHERE entity_id = $1",
            agent.id,
        )
        other = Pair(await connect(), await connect(), pair.watcher)
        async with pair.watcher.transaction():
            # Who certifies is stopped between the member and what is asked of its team.
            await pair.watcher.execute(
                "SELECT FROM app.amendment WHERE entity_id = $1 FOR UPDATE", agent.id
            )
            arguments = ("agent", agent.id, etag, "certified")
            certify = asyncio.ensure_future(pair.sent(Act(tenant.certifier, TAKE, arguments)))
            await until_blocked(pair.watcher, pair.second, pair.watcher, certify)
            whole = asyncio.ensure_future(
                other.sent(stepping(tenant.author, "team", team.id, "active"))
            )
            await until_blocked(pair.watcher, other.second, pair.second, whole)

        assert (None, None) == (await certify, await whole)

    async def test_an_agent_waits_for_a_team_that_is_being_archived(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """It is created in that team or not, as the archiver ends."""
        world = await make_world(repository, tenant)
        states = []
        for commit in (True, False):
            made = await create(
                repository, tenant.author, "team", team_body(world.job_role, world.industry)
            )
            body = agent_body(world.job_role, world.industry, [], team_id=str(made.id))
            states.append(
                await pair.race(
                    stepping(tenant.author, "team", made.id, "archived"),
                    making(tenant.author, "agent", body),
                    commit=commit,
                )
            )

        assert ["PL005", None] == states

    async def test_referring_to_what_is_being_changed_needs_no_wait(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """An amendment keeps nobody from making what refers to its entity."""
        skill = await create(repository, tenant.author, "skill", skill_body())
        async with acting(pair.first, tenant.author) as holder:
            act = changing(tenant.author, "skill", [skill.id], {"parent_ids": [], "tags": ["x"]})
            await holder.execute(act.statement, *act.arguments)
            await pair.second.execute("SET lock_timeout = '2s'")
            made = await pair.sent(
                making(tenant.author, "job_role", job_role_body([str(skill.id)]))
            )
            child = await pair.sent(
                making(tenant.author, "skill", skill_body(parent_ids=[str(skill.id)]))
            )

        assert (None, None) == (made, child)

    async def test_two_who_write_parents_of_each_other_s_rows(
        self, repository: Repository, tenant: Tenant, pair: Pair
    ) -> None:
        """The turn of parents is taken with the row in hand; foreign keys do not wait for it."""
        one, two = [
            await create(repository, tenant.author, "skill", skill_body()) for _ in range(2)
        ]
        state = await pair.race(
            changing(tenant.author, "skill", [two.id], {"parent_ids": [str(one.id)]}),
            changing(tenant.author, "skill", [one.id], {"parent_ids": []}),
        )

        assert state is None
