"""Statements that look up one entity or a few: which of them, in which order, and how many."""

import json
import random
from datetime import datetime, timedelta

import pytest

from service.repository.base import Repository
from service.repository.entities import (
    EntitiesById,
    EntityByExternalId,
    EntityById,
    EntityIdByExternalId,
    EntityIdByName,
)
from service.repository.history import EntitiesAsOfWalked
from service.repository.lists import LAST_ID
from tests.factories import Tenant, create, skill_body, step, unique

pytestmark = pytest.mark.database


async def test_what_has_one_of_these_ids_comes_in_their_order(
    repository: Repository, tenant: Tenant, other_tenant: Tenant
) -> None:
    """However they are given, a hundred at most; what the caller may not see is not there."""
    made = [
        str((await create(repository, tenant.author, "skill", skill_body())).id) for _ in range(102)
    ]
    hidden = [
        str((await create(repository, actor, "skill", skill_body())).id)
        for actor in (tenant.certifier, other_tenant.author)
    ]
    asked = [*made, *hidden]
    random.Random(1).shuffle(asked)
    found = await repository.many(EntitiesById(asked), tenant.author.context)
    few = await repository.many(EntitiesById(asked[:9]), tenant.author.context)

    assert sorted(made)[:100] == [str(row.id) for row in found]
    assert sorted({*asked[:9]} - {*hidden}) == [str(row.id) for row in few]


async def test_what_has_an_id_of_a_kind_is_found_by_both(
    repository: Repository, tenant: Tenant
) -> None:
    """Not others of the kind, nor what has that id in another kind."""
    made = {}
    for key in ("b", "a"):
        for kind in ("industry", "skill"):
            body = skill_body() if kind == "skill" else {"name": key, "description": "d"}
            body |= {"external_id": key}
            made[kind, key] = await create(repository, tenant.author, kind, body)
    context = tenant.author.context
    for (kind, key), one in made.items():
        held = await repository.maybe(EntityIdByExternalId(kind, key), context)
        for look_up in (EntityByExternalId(kind, key), EntityById(kind, str(one.id))):
            found = await repository.maybe(look_up, context)
            assert found is not None
            assert held is not None
            assert (one.id, one.document) == (held.id, found.document)
    for look_up in (
        EntityByExternalId("team", "a"),
        EntityByExternalId("skill", "c"),
        EntityById("team", str(made["skill", "a"].id)),
        EntityById("skill", str(made["industry", "a"].id)),
    ):
        assert None is await repository.maybe(look_up, context)
    for kind, key in (("team", "a"), ("skill", "c")):
        assert None is await repository.maybe(EntityIdByExternalId(kind, key), context)


async def test_a_name_is_held_by_what_is_not_archived(
    repository: Repository, tenant: Tenant
) -> None:
    """Once its holder is archived nobody has it, until another takes it."""
    name = unique("held")
    held = EntityIdByName("skill", name, None)
    first = await create(repository, tenant.author, "skill", skill_body(name=name))
    found = [await repository.maybe(held, tenant.author.context)]
    await step(repository, tenant.author, "skill", first.id, "archived")
    found.append(await repository.maybe(held, tenant.author.context))
    second = await create(repository, tenant.author, "skill", skill_body(name=name))
    found.append(await repository.maybe(held, tenant.author.context))

    assert [first.id, None, second.id] == [one and one.id for one in found]


async def test_what_was_made_at_that_very_time_is_walked(
    repository: Repository, tenant: Tenant
) -> None:
    """How far a list of the past has looked: what was there at the time, up to it and with it."""
    made = [await create(repository, tenant.author, "skill", skill_body()) for _ in range(3)]
    times = [datetime.fromisoformat(json.loads(one.document)["created_at"]) for one in made]
    found = [
        await repository.one(
            EntitiesAsOfWalked("skill", at + timedelta(microseconds=off), LAST_ID, 50),
            tenant.author.context,
        )
        for at in times
        for off in (-1, 0)
    ]

    assert [0, 1, 1, 2, 2, 3] == [one.walked for one in found]
    assert [None, *[made[0].id] * 5] == [one.last for one in found]
