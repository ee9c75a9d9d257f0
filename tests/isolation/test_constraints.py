"""Savepoints, constraints that wait for COMMIT, and deletions: what is undone, late, or refused."""

import json
from contextlib import suppress
from typing import Any

import asyncpg
import pytest

from tests.counts import rows
from tests.factories import agent_body, job_role_body, make_world, skill_body, team_body, unique
from tests.isolation.acts import change, job_role, make, move, see, skill
from tests.isolation.arena import Arena
from tests.sessions import Connection, Savepoint, acting, become

pytestmark = pytest.mark.database

NEVER = "01900000-0000-7000-8000-000000000000"
MAKE = "SELECT app.{}_create(ARRAY[$1::text::uuid], ARRAY[$2::text::jsonb], 'draft')"
FOREIGN_KEYS = """
SELECT
    conname::text AS name, condeferrable AS deferrable, condeferred AS deferred,
    confdeltype::text AS on_delete, confupdtype::text AS on_update
FROM pg_constraint
WHERE
    contype = 'f' AND conparentid = 0
    AND connamespace IN ('app'::regnamespace, 'audit'::regnamespace)
"""
# Written before the rows that they name: the base row comes last.
DEFERRED = {
    "skill_entity": {"base"},
    "industry_entity": {"base"},
    "job_role_entity": {"base", "industry"},
    "team_entity": {"base", "industry", "job_role"},
    "agent_entity": {"base", "industry", "job_role", "team"},
    "entity_parent": {"entity", "parent"},
    "entity_tag": {"entity"},
    "job_role_skill": {"job_role", "skill"},
    "agent_skill": {"agent", "skill"},
}
AT_ONCE = {
    "amendment": {"entity", "governance_agent"},
    "api_key": {"governance_agent"},
    "base_entity": {"governance_agent"},
    "entity_label": {"entity"},
    "governance_agent": {"tenant"},
    "idempotency": {"governance_agent"},
    "import_line": {"governance_agent"},
    "label_cursor": {"tenant"},
}
REFUSED = {
    "app.tenant": "23503",
    "app.governance_agent": "23503",
    "app.base_entity": "PL013",
    "app.skill_entity": "PL013",
    "app.industry_entity": "PL013",
    "app.job_role_entity": "PL013",
    "app.team_entity": "PL013",
    "app.agent_entity": "PL013",
    "app.amendment": "PL013",
    "audit.entry": "PL013",
    "audit.payload": "PL013",
}
"""What a superuser's DELETE of everything is refused with."""


class Undone(Exception):  # noqa: N818 - what is undone is no error
    """Ends a savepoint without effect."""


def named(keys: dict[str, set[str]]) -> set[str]:
    """Name foreign keys by their tables and what they refer to."""
    return {f"{table}_{target}_fkey" for table, targets in keys.items() for target in targets}


class TestSavepoints:
    """A part of a transaction is undone, the rest commits."""

    async def test_what_came_before_a_refusal_stays(self, arena: Arena) -> None:
        """A name that is taken undoes its own create alone, and nothing of that is left."""
        name = unique("name")
        before = await rows(arena.superuser, arena.tenant.id)
        async with arena.pool.transaction() as outer:
            first = await make(arena, outer, "skill", skill_body(name=name, tags=["kept"]))
            with pytest.raises(asyncpg.UniqueViolationError):
                async with outer.transaction():
                    await make(arena, outer, "skill", skill_body(name=name, tags=["a", "b"]))
            second = await make(arena, outer, "skill", skill_body(tags=["kept"]))
        after = await rows(arena.superuser, arena.tenant.id)

        assert {1} == {(await see(arena, "skill", one.id))["version"] for one in (first, second)}
        assert [2, 2, 2, 2] == [
            after.entities - before.entities,
            after.entries - before.entries,
            after.payloads - before.payloads,
            after.links - before.links,
        ]

    async def test_versions_go_on_from_what_remains(self, arena: Arena) -> None:
        """A change that is undone takes its version along: the next one has the same number."""
        identity = await skill(arena)
        async with arena.pool.transaction() as outer:
            await change(arena, outer, "skill", identity, governance_notes="kept")
            with suppress(Undone):
                async with outer.transaction():
                    await change(arena, outer, "skill", identity, governance_notes="undone")
                    await move(arena, outer, "skill", identity, "under_review")
                    raise Undone
            await change(arena, outer, "skill", identity, tags=["kept"])
        found = await see(arena, "skill", identity)
        entries = await arena.superuser.fetch(
            "SELECT version, operation FROM audit.entry WHERE entity_id = $1::text::uuid "
            "ORDER BY version",
            identity,
        )
        shown = (found["status"], found["governance_notes"], found["tags"])

        assert ("draft", "kept", ["kept"]) == shown
        assert [(1, "create"), (2, "amend"), (3, "amend")] == [tuple(row) for row in entries]

    async def test_whom_one_acts_for_is_undone_too(self, arena: Arena) -> None:
        """A context that was set within a savepoint ends with it."""
        agent = "SELECT current_setting('app.governance_agent_id', TRUE)"
        author, certifier = arena.tenant.author, arena.tenant.certifier
        seen = []
        async with arena.pool.transaction() as outer:
            await become(outer, author)
            with suppress(Undone):
                async with outer.transaction():
                    await become(outer, certifier)
                    seen.append(await outer.fetchval(agent))
                    raise Undone
            seen.append(await outer.fetchval(agent))

        assert [one.context.governance_agent_id for one in (certifier, author)] == seen

    async def test_locks_of_what_is_undone_are_given_back(self, arena: Arena) -> None:
        """Another session changes what was changed in a savepoint that is no more."""
        identity = await skill(arena)
        async with arena.pool.transaction() as outer:
            with suppress(Undone):
                async with outer.transaction():
                    await change(arena, outer, "skill", identity, governance_notes="undone")
                    raise Undone
            async with arena.pool.transaction() as other:
                await other.execute("SET LOCAL lock_timeout = '5s'")
                await change(arena, other, "skill", identity, governance_notes="kept")

        assert "kept" == (await see(arena, "skill", identity))["governance_notes"]


async def member_of(arena: Arena, team: str, **fields: Any) -> tuple[str, str]:
    """Make the bodies of an agent in a team, and of the team."""
    world = await make_world(arena.repository, arena.tenant)
    agent = agent_body(world.job_role, world.industry, [], team_id=team, **fields)
    return json.dumps(agent), json.dumps(team_body(world.job_role, world.industry))


class TestDeferred:
    """Foreign keys of kind and link rows are asked at COMMIT, everything else at once."""

    async def test_these_keys_and_no_others(self, superuser: Connection) -> None:
        """Every foreign key of the schema, by its table and what it refers to."""
        found = {row["name"]: row for row in await superuser.fetch(FOREIGN_KEYS)}

        assert named(DEFERRED) == {name for name, row in found.items() if row["deferred"]}
        assert named(DEFERRED) == {name for name, row in found.items() if row["deferrable"]}
        assert named(DEFERRED) | named(AT_ONCE) == set(found)

    async def test_an_agent_may_come_before_its_team(self, arena: Arena) -> None:
        """What it names is made later in the same transaction."""
        team, agent = [str(await arena.superuser.fetchval("SELECT uuidv7()")) for _ in range(2)]
        member, whole = await member_of(arena, team)
        async with arena.pool.transaction() as both:
            await become(both, arena.tenant.author)
            await both.execute(MAKE.format("agent"), agent, member)
            await both.execute(MAKE.format("team"), team, whole)

        assert team == (await see(arena, "agent", agent))["team_id"]

    @pytest.mark.parametrize("when", ["commit", "asked", "rehearsal"])
    async def test_a_team_that_never_comes_is_missed(self, arena: Arena, when: str) -> None:
        """By COMMIT, on request, or by a dry run: by the name of the key, and nothing remains."""
        member, _ = await member_of(arena, NEVER, tags=["t"])
        identity = str(await arena.superuser.fetchval("SELECT uuidv7()"))
        before = await rows(arena.superuser, arena.tenant.id)
        lend = arena.pool.rehearsal if when == "rehearsal" else arena.pool.transaction
        done = []

        async def join() -> None:
            async with lend() as connection:
                await become(connection, arena.tenant.author)
                await connection.execute(MAKE.format("agent"), identity, member)
                done.append("agent")
                if when == "asked":
                    await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
                    done.append("asked")

        with pytest.raises(asyncpg.ForeignKeyViolationError) as refused:
            await join()

        assert ["agent"] == done
        assert "agent_entity_team_fkey" == refused.value.constraint_name
        assert before == await rows(arena.superuser, arena.tenant.id)

    async def test_what_is_missed_at_commit_undoes_the_rest(self, arena: Arena) -> None:
        """What was fine by itself goes with it."""
        identity = str(await arena.superuser.fetchval("SELECT uuidv7()"))
        before = await rows(arena.superuser, arena.tenant.id)

        async def make_both() -> None:
            async with arena.pool.transaction() as both:
                await make(arena, both, "skill", skill_body(tags=["fine"]))
                body = json.dumps(job_role_body([NEVER]))
                await both.execute(MAKE.format("job_role"), identity, body)

        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await make_both()

        assert before == await rows(arena.superuser, arena.tenant.id)

    async def test_nothing_else_waits(self, arena: Arena) -> None:
        """Keys, names and bounds are asked by the statement itself."""
        first = skill_body()
        ids = [str(await arena.superuser.fetchval("SELECT uuidv7()")) for _ in range(2)]
        async with arena.pool.transaction() as connection:
            await become(connection, arena.tenant.author)
            await connection.execute(MAKE.format("skill"), ids[0], json.dumps(first))
            states = [
                await Savepoint(connection).state(MAKE.format("skill"), one, json.dumps(body))
                for one, body in (
                    (ids[0], skill_body()),
                    (ids[1], skill_body(name=first["name"])),
                    (ids[1], skill_body(category="craft")),
                )
            ]

        assert ["23505", "23505", "23514"] == states


class TestCascades:
    """There are none: what others refer to is not deleted, and takes nothing along."""

    async def test_no_key_cascades(self, superuser: Connection) -> None:
        """Every foreign key refuses that what it refers to is deleted or gets another key."""
        found = await superuser.fetch(FOREIGN_KEYS)

        assert {("a", "a")} == {(row["on_delete"], row["on_update"]) for row in found}

    async def test_a_superuser_deletes_nothing(self, arena: Arena) -> None:
        """What has a history stays, with all that belongs to it."""
        await make_world(arena.repository, arena.tenant)
        before = await rows(arena.superuser)
        async with acting(arena.superuser, arena.tenant.author):
            savepoint = Savepoint(arena.superuser)
            found = {table: await savepoint.state(f"DELETE FROM {table}") for table in REFUSED}

        assert REFUSED == found
        assert before == await rows(arena.superuser)

    @pytest.mark.parametrize("table", ["skill", "industry", "job_role", "team", "base"])
    async def test_with_its_trigger_off_a_key_refuses(self, arena: Arena, table: str) -> None:
        """A superuser who disarms the table is still refused: others refer to its rows."""
        await make_world(arena.repository, arena.tenant)
        disarm = f"ALTER TABLE app.{table}_entity DISABLE TRIGGER {table}_entity_append_only"
        delete = f"DELETE FROM app.{table}_entity WHERE tenant_id = $1"
        undone = arena.superuser.transaction()
        await undone.start()
        try:
            await arena.superuser.execute(disarm)
            # Deferred keys are asked as the statement ends.
            await arena.superuser.execute("SET CONSTRAINTS ALL IMMEDIATE")
            with pytest.raises(asyncpg.ForeignKeyViolationError):
                await arena.superuser.execute(delete, arena.tenant.id)
        finally:
            await undone.rollback()

    async def test_link_rows_alone_go_and_take_nothing_along(self, arena: Arena) -> None:
        """A role that needs a skill no more leaves the skill as it is."""
        one, two = await skill(arena), await skill(arena)
        role = await job_role(arena, one, two)
        before = await rows(arena.superuser, arena.tenant.id)
        needed = [{"id": two, "relation": "essential"}]
        async with arena.pool.transaction() as connection:
            await change(arena, connection, "job_role", role, required_skills=needed)
        after = await rows(arena.superuser, arena.tenant.id)

        assert (before.links - 1, before.entities) == (after.links, after.entities)
        assert {1} == {(await see(arena, "skill", each))["version"] for each in (one, two)}

    async def test_archiving_takes_nothing_along(self, arena: Arena) -> None:
        """A draft goes on naming what was archived: no link row goes, no version steps."""
        one = await skill(arena)
        role = await job_role(arena, one)
        before = await rows(arena.superuser, arena.tenant.id)
        async with arena.pool.transaction() as connection:
            await move(arena, connection, "skill", one, "archived")
        found = await see(arena, "job_role", role)

        assert before.links == (await rows(arena.superuser, arena.tenant.id)).links
        assert (1, [one]) == (found["version"], [each["id"] for each in found["required_skills"]])
