"""Lost updates and decisions taken twice: READ COMMITTED lets them in, row locks do not.

Each scenario is played twice: on the schema as it is, and on a database of its own from which the
lock was taken out, where the anomaly is there or another guard is shown to hold.
"""

import json
from typing import Any

import pytest

from service.repository.amendments import AmendmentByEntity, AmendmentPropose, AmendmentStep
from tests.amending import propose, reviewed
from tests.isolation.acts import change, etag_of, see, skill
from tests.isolation.arena import WAITED, Arena, Told, beside, state_of, without
from tests.sessions import Connection, sent

pytestmark = pytest.mark.database

LOCK = "FOR NO KEY UPDATE"
FOR_CHANGE = "app.lock_for_change(text, uuid[], text[])"
PROPOSE = "app.amendment_propose(text, uuid, text, jsonb)"
TAKE_STEP = "app.amendment_take_step(text, uuid, text, text, text)"
GUARD = "app.amendment_guard()"


async def two_notes(arena: Arena) -> Told:
    """Let two who read the same version each add to the notes they read."""
    identity = await skill(arena, governance_notes="read")
    etag = await etag_of(arena, "skill", identity)

    async def add(connection: Connection, note: str) -> None:
        notes = f"read {note}"
        await change(arena, connection, "skill", identity, etag=etag, governance_notes=notes)

    async with arena.pool.transaction() as first:
        await add(first, "a")
        second = await beside(arena, lambda own: add(own, "b"))
        waited = await second.waits_for(arena, first)
    state = await state_of(second.task)
    return waited, state, (await see(arena, "skill", identity))["governance_notes"]


async def two_patches(arena: Arena) -> Told:
    """Let two who read the same version of an amendment each patch another field of it."""
    identity = await skill(arena, "active")
    author = arena.tenant.author
    opened = await propose(arena.repository, author, "skill", identity, {"description": "read"})

    async def patch(connection: Connection, **fields: Any) -> None:
        query = AmendmentPropose("skill", identity, opened.etag, json.dumps(fields))
        await sent(arena.repository, connection, query, author)

    async with arena.pool.transaction() as first:
        await patch(first, aliases=["a"])
        second = await beside(arena, lambda own: patch(own, description="b"))
        waited = await second.waits_for(arena, first)
    state = await state_of(second.task)
    found = await arena.repository.maybe(AmendmentByEntity("skill", identity), author.context)
    assert found
    document = json.loads(found.document)
    return waited, state, (document["aliases"], document["description"])


class TestLostUpdate:
    """P4: what one wrote is gone, because another had read before it and wrote after it."""

    async def test_of_two_changes_the_second_is_stale(self, arena: Arena) -> None:
        """It waits for the row, compares the tag with what is there then, and is refused."""
        assert (WAITED, "PL002", "read a") == await two_notes(arena)

    async def test_of_two_patches_of_an_amendment_the_second_is_stale(self, arena: Arena) -> None:
        """As for entities: the lock comes before the tag is compared."""
        assert (WAITED, "PL002", (["a"], "read")) == await two_patches(arena)

    async def test_without_the_row_lock_a_change_is_lost(self, open_arena: Arena) -> None:
        """The tag fits what is there before the second waits, and no more when it writes."""
        await without(open_arena.superuser, FOR_CHANGE, f"{LOCK} OF base_entity")

        assert (WAITED, None, "read b") == await two_notes(open_arena)

    async def test_without_the_row_lock_a_patch_is_lost(self, open_arena: Arena) -> None:
        """The second patch is joined with what the amendment was before the first."""
        await without(open_arena.superuser, PROPOSE, LOCK)

        assert (WAITED, None, ([], "b")) == await two_patches(open_arena)


async def two_certifiers(arena: Arena) -> Told:
    """Let two certify the same amendment; gives the version that the entity then has."""
    identity = await skill(arena, "active")
    before = (await see(arena, "skill", identity))["version"]
    await reviewed(arena.repository, arena.tenant, "skill", identity, {"description": "new"})

    async def certify(connection: Connection) -> None:
        query = AmendmentStep("skill", identity, None, "certified", "for the test")
        await sent(arena.repository, connection, query, arena.tenant.certifier)

    async with arena.pool.transaction() as first:
        await certify(first)
        second = await beside(arena, certify)
        waited = await second.waits_for(arena, first)
    state = await state_of(second.task)
    return waited, state, (await see(arena, "skill", identity))["version"] - before


class TestDecidedTwice:
    """A lost update of a decision: both find the amendment under review."""

    async def test_the_second_certifier_finds_it_decided(self, arena: Arena) -> None:
        """It waits for the entity, and then no step leads from certified to certified."""
        assert (WAITED, "PL003", 1) == await two_certifiers(arena)

    async def test_without_the_row_locks_the_guard_refuses(self, open_arena: Arena) -> None:
        """The trigger sees the row as it is when it is written: the entity changes once."""
        for function in (TAKE_STEP, GUARD):
            await without(open_arena.superuser, function, LOCK)

        assert (WAITED, "PL013", 1) == await two_certifiers(open_arena)
