"""Write skew and the read-only anomaly: READ COMMITTED lets them in, locks and indexes do not.

Writes run at READ COMMITTED; what must hold across rows is held by row locks, one advisory lock
and unique indexes, never by SERIALIZABLE. Each scenario is played twice: on the schema as it is,
and on a database of its own from which that one guard was taken out, where the anomaly is there.
"""

from typing import Any

import pytest

from service.repository.amendments import AmendmentPropose
from tests.factories import Actor, agent_body, make_world, skill_body, team_body, unique
from tests.isolation.acts import change, entity, exported, faults, job_role, make, move, see, skill
from tests.isolation.arena import AT_ONCE, WAITED, Arena, Told, beside, state_of, without
from tests.sessions import Connection, sent

pytestmark = pytest.mark.database

SHARE = "FOR SHARE"
REFERENCES = "app.lock_references(uuid, uuid)"
STEP = "app.check_step(app.base_entity, app.base_entity, text[])"
PARENTS = ("app.check_parents(uuid[], boolean)", "app.lock_parents(jsonb[])")
TURN = "PERFORM pg_advisory_xact_lock("
NO_TURN = "PERFORM ("
ENTITY_GUARD = "app.base_entity_guard()"
LEVEL = "current_setting('transaction_isolation') <> 'read committed'"


async def certify_and_archive(arena: Arena) -> Told:
    """Certify a job role and archive the skill it needs; gives the checks that then fail."""
    needed = await skill(arena, "active")
    role = await job_role(arena, needed, status="under_review")
    async with arena.pool.transaction() as first:
        await move(arena, first, "job_role", role, "certified", by=arena.tenant.certifier)
        second = await beside(arena, lambda own: move(arena, own, "skill", needed, "archived"))
        waited = await second.waits_for(arena, first)
    state = await state_of(second.task)
    return waited, state, await faults(arena, "job_role", role)


async def succeed_each_other(arena: Arena) -> Told:
    """Deprecate two skills, each naming the other as its successor; gives how many went."""
    one, two = [await skill(arena, "active") for _ in range(2)]
    async with arena.pool.transaction() as first:
        await move(arena, first, "skill", one, "deprecated", successor=two)
        second = await beside(
            arena, lambda own: move(arena, own, "skill", two, "deprecated", successor=one)
        )
        waited = await second.waits_for(arena, first)
    state = await state_of(second.task)
    states = [(await see(arena, "skill", each))["status"] for each in (one, two)]
    return waited, state, states.count("deprecated")


async def parents_of_each_other(arena: Arena) -> Told:
    """Put each of two skills below the other; gives the checks that then fail."""
    one, two = [await skill(arena) for _ in range(2)]
    async with arena.pool.transaction() as first:
        await change(arena, first, "skill", one, parent_ids=[two])
        second = await beside(arena, lambda own: change(arena, own, "skill", two, parent_ids=[one]))
        waited = await second.waits_for(arena, first)
    state = await state_of(second.task)
    return waited, state, await faults(arena, "skill", one)


class TestWriteSkew:
    """G2-item: each reads what the other writes, and both were right alone."""

    async def test_a_target_is_not_archived_under_a_certification(self, arena: Arena) -> None:
        """Who would archive waits for the certifier's FOR SHARE, and finds a dependent."""
        assert (WAITED, "PL010", []) == await certify_and_archive(arena)

    async def test_without_the_lock_a_role_needs_what_is_archived(self, open_arena: Arena) -> None:
        """Both commit, and no order of the two explains it."""
        await without(open_arena.superuser, REFERENCES, SHARE)

        assert (AT_ONCE, None, ["L1-ROLE-2"]) == await certify_and_archive(open_arena)

    async def test_two_do_not_succeed_each_other(self, arena: Arena) -> None:
        """A successor is locked: the second finds its own deprecated."""
        assert (WAITED, "PL005", 1) == await succeed_each_other(arena)

    async def test_without_the_lock_they_do(self, open_arena: Arena) -> None:
        """Both go, and neither has a successor that stays."""
        await without(open_arena.superuser, STEP, SHARE)

        assert (AT_ONCE, None, 2) == await succeed_each_other(open_arena)

    async def test_two_do_not_close_a_cycle(self, arena: Arena) -> None:
        """Writers of parents take turns: the second looks again, and is refused."""
        assert (WAITED, "PL012", []) == await parents_of_each_other(arena)

    async def test_without_the_turn_each_is_its_own_ancestor(self, open_arena: Arena) -> None:
        """Neither sees the other's link."""
        for function in PARENTS:
            await without(open_arena.superuser, function, TURN, NO_TURN)

        assert (AT_ONCE, None, ["L1-PARENT-1"]) == await parents_of_each_other(open_arena)


async def same_name(arena: Arena) -> Told:
    """Make two skills of one name; gives how many there are."""
    name = unique("name")
    async with arena.pool.transaction() as first:
        await make(arena, first, "skill", skill_body(name=name))
        second = await beside(arena, lambda own: make(arena, own, "skill", skill_body(name=name)))
        waited = await second.waits_for(arena, first)
    state = await state_of(second.task)
    count = "SELECT count(*) FROM app.base_entity WHERE name = $1"
    return waited, state, await arena.superuser.fetchval(count, name)


async def two_amendments(arena: Arena) -> Told:
    """Let two agents open an amendment of one skill; gives how many are open."""
    identity = await skill(arena, "active")

    async def open_one(connection: Connection, actor: Actor) -> None:
        query = AmendmentPropose("skill", identity, None, '{"description": "new"}')
        await sent(arena.repository, connection, query, actor)

    async with arena.pool.transaction() as first:
        await open_one(first, arena.tenant.author)
        second = await beside(arena, lambda own: open_one(own, arena.tenant.certifier))
        waited = await second.waits_for(arena, first)
    state = await state_of(second.task)
    count = "SELECT count(*) FROM app.amendment WHERE entity_id = $1::text::uuid"
    return waited, state, await arena.superuser.fetchval(count, identity)


class TestAtMostOne:
    """G2: both look for rows that are not there, and both add one. Quotas of one are indexes."""

    async def test_a_name_is_taken_once(self, arena: Arena) -> None:
        """The second waits for the index entry of the first."""
        assert (WAITED, "23505", 1) == await same_name(arena)

    async def test_without_the_index_it_is_taken_twice(self, open_arena: Arena) -> None:
        """Nothing else looks."""
        await open_arena.superuser.execute("DROP INDEX app.base_entity_name_key_key")

        assert (AT_ONCE, None, 2) == await same_name(open_arena)

    async def test_an_entity_has_one_open_amendment(self, arena: Arena) -> None:
        """The second waits for the entity; what it may not see is in its way all the same."""
        assert (WAITED, "23505", 1) == await two_amendments(arena)

    async def test_without_the_index_it_has_two(self, open_arena: Arena) -> None:
        """The lock alone does not help: another agent's draft is hidden from who looks."""
        await open_arena.superuser.execute("DROP INDEX app.amendment_open_key")

        assert (WAITED, None, 2) == await two_amendments(open_arena)


async def leave_while_certified(arena: Arena) -> Told:
    """Take the only member out of a team that is being certified; gives what an export tells."""
    world = await make_world(arena.repository, arena.tenant)
    body = team_body(world.job_role, world.industry)
    team = await entity(arena, "team", body, "under_review")
    body = agent_body(world.job_role, world.industry, [world.skill], team_id=team)
    agent = await entity(arena, "agent", body, "under_review")
    async with arena.pool.transaction() as first:
        await move(arena, first, "team", team, "certified", by=arena.tenant.certifier)
        second = await beside(arena, lambda own: change(arena, own, "agent", agent, team_id=None))
        waited = await second.waits_for(arena, first)
        found = await exported(arena)
    state = await state_of(second.task)
    assert "certified" == (await see(arena, "team", team))["status"]
    return waited, state, (found[team]["status"], found[agent]["team_id"] is not None)


class TestReadOnlyAnomaly:
    """What a reader was told fits no order of writers who, without it, have one.

    The leaver and the certifier have an order: the team entered force, then its member left. A
    report of a team under review without a member says the opposite.
    """

    async def test_no_report_contradicts_what_follows(self, arena: Arena) -> None:
        """The leaver waits for the certifier's lock: nothing of it can be read before."""
        assert (WAITED, None, ("under_review", True)) == await leave_while_certified(arena)

    async def test_without_the_lock_one_does(self, open_arena: Arena) -> None:
        """The team was seen under review without a member, and is certified all the same."""
        await without(open_arena.superuser, REFERENCES, SHARE)

        assert (AT_ONCE, None, ("under_review", False)) == await leave_while_certified(open_arena)


async def with_an_old_snapshot(arena: Arena) -> Told:
    """Close a cycle from a REPEATABLE READ transaction that began before the other half."""
    one, two = [await skill(arena) for _ in range(2)]
    state: Any = None
    async with arena.pool.transaction(isolation="repeatable_read") as old:
        await see(arena, "skill", one, old)
        async with arena.pool.transaction() as other:
            await change(arena, other, "skill", one, parent_ids=[two])
        savepoint = old.transaction()
        await savepoint.start()
        state = await state_of(change(arena, old, "skill", two, parent_ids=[one]))
        await (savepoint.rollback() if state else savepoint.commit())
    return AT_ONCE, state, await faults(arena, "skill", one)


class TestHigherLevel:
    """Locks that rules are asked under help only who sees what was committed meanwhile."""

    async def test_a_write_at_another_level_is_refused(self, arena: Arena) -> None:
        """The guards let entities change at READ COMMITTED alone."""
        assert (AT_ONCE, "PL013", []) == await with_an_old_snapshot(arena)

    async def test_else_an_old_snapshot_passes_the_turn(self, open_arena: Arena) -> None:
        """It has its turn, and does not see what was done in the turn before."""
        await without(open_arena.superuser, ENTITY_GUARD, LEVEL, "FALSE")

        assert (AT_ONCE, None, ["L1-PARENT-1"]) == await with_an_old_snapshot(open_arena)
