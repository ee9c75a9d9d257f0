"""The statements of search, row by row, against a second reckoning from the same facts.

Of the world that matching is tested with, where much is alike: every order has its ties.
"""

import random
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from msgspec import structs

from service.catalog.load import Catalog
from service.repository.base import Repository
from service.repository.search import (
    SearchBreadth,
    SearchExact,
    SearchLabels,
    SearchNear,
    SearchPairLabels,
    SearchPairs,
)
from tests.database.test_match_statements import (
    MODELS,
    SOURCES,
    STATES,
    Row,
    World,
    cosine,
    rounded,
    stocked,
)
from tests.factories import Actor
from tests.sessions import Connection, become

pytestmark = pytest.mark.database

ASKED = 60
ALL = 1000
"""More than there is."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(owner: Repository, superuser: Connection) -> World:
    """Have a tenant, and another one like it."""
    return await stocked(owner, superuser)


@pytest.fixture(params=["author", "reader"])
def actor(world: World, request: pytest.FixtureRequest) -> Actor:
    """Ask as one who has drafts, and as one who has none."""
    found: Actor = getattr(world.tenant, request.param)
    return found


@pytest_asyncio.fixture(loop_scope="module")
async def unindexed(app: Connection) -> Connection:
    """Have a session in which no index gives an order that nobody asked for."""
    await app.execute("SET enable_seqscan = on")
    for way in ("indexscan", "indexonlyscan", "bitmapscan", "mergejoin", "nestloop"):
        await app.execute(f"SET enable_{way} = off")
    return app


def admitted(
    world: World, actor: Actor, kinds: Sequence[str], statuses: Sequence[str]
) -> list[UUID]:
    """Give the ids of what is seen of these kinds, in these states, in their order."""
    return sorted(
        identity
        for kind in kinds
        for identity, row in world.seen(kind, actor).items()
        if row["status"] in statuses
    )


def called(world: World, ids: Sequence[UUID], sources: Sequence[str]) -> list[Row]:
    """Give labels of entities, by their numbers."""
    among = set(ids)
    return sorted(
        (one for one in world.labels if one["id"] in among and one["source"] in sources),
        key=lambda one: (one["id"], one["no"]),
    )


def asking(chance: random.Random, world: World, near: int) -> SearchNear:
    """Draw what is asked for."""
    pairs = [
        (chance.choice([*world.vectors, None]), chance.choice([*world.vectors, None]))
        for _ in range(chance.randint(1, 3))
    ]
    return SearchNear(
        kinds=chance.choice([["skill"], ["industry"], ["skill", "industry"]]),
        statuses=chance.sample(STATES, chance.randint(2, 6)),
        categories=[],
        tags=[],
        industry_ids=[],
        vectors=[one for one, _ in pairs],
        lexicals=[one for _, one in pairs],
        models=chance.sample(MODELS, chance.randint(1, 3)),
        sources=chance.sample(SOURCES, chance.randint(1, 4)),
        but_id=chance.choice([None, str(chance.choice(list(world.entities["skill"])))]),
        words=chance.choice([0.5, 0.95]),
        around=chance.choice([0.0, 0.05]),
        count=chance.choice([1, 3, 100]),
        near=near,
    )


def leading(world: World, actor: Actor, asked: SearchNear) -> list[list[Row]]:
    """Give the labels that each list of an index has, in no order."""
    ids = admitted(world, actor, asked.kinds, asked.statuses)
    labels = called(world, [one for one in ids if str(one) != asked.but_id], asked.sources)
    of_models = [one for one in labels if one["embedder"] in asked.models]
    lists = [of_models for one in asked.vectors if one is not None]
    return lists + [labels for one in asked.lexicals if one is not None]


async def test_where_the_indexes_lead_to_all_the_same_is_found_as_by_comparing(
    repository: Repository, world: World, actor: Actor
) -> None:
    """In the same order; each row counts the entities, and the labels that led to them."""
    chance = random.Random(4)
    found = 0
    for _ in range(ASKED):
        asked = asking(chance, world, ALL)
        wanted = await repository.many(SearchExact(*structs.astuple(asked)[:-1]), actor.context)
        hits = await repository.many(asked, actor.context)
        lists = leading(world, actor, asked)
        led = [len({one["id"] for each in lists for one in each}), sum(map(len, lists))]
        found += len(hits)

        assert [structs.astuple(one) for one in wanted] == [
            structs.astuple(hit)[:-1] for hit in hits
        ]
        assert all(hit.led == led for hit in hits)
    assert found > ASKED


async def test_each_index_gives_so_many_of_the_nearest(
    repository: Repository, world: World, actor: Actor
) -> None:
    """Of every list as many labels as are asked for, if it has them, and none that are farther."""
    chance = random.Random(5)
    for _ in range(ASKED):
        near = chance.choice([1, 2, 5])
        asked = structs.replace(asking(chance, world, near), count=100)
        hits = await repository.many(asked, actor.context)
        lists = leading(world, actor, asked)

        assert len(hits) <= sum(min(near, len(one)) for one in lists)
        assert all(hit.led[1] == sum(min(near, len(one)) for one in lists) for hit in hits)
        least: dict[UUID, bool] = {}
        probes = [
            *(("vector", one) for one in asked.vectors if one is not None),
            *(("lexical", one) for one in asked.lexicals if one is not None),
        ]
        for (part, probe), labels in zip(probes, lists, strict=True):
            likest = sorted((cosine(one[part], probe) or 0.0 for one in labels), reverse=True)
            for one in labels:
                near_enough = (cosine(one[part], probe) or 0.0) > likest[:near][-1] - 1e-3
                least[one["id"]] = least.get(one["id"], False) or near_enough
        assert all(least[hit.id] for hit in hits)


async def test_labels_are_counted_as_far_as_is_asked(
    repository: Repository, world: World, actor: Actor
) -> None:
    """Those of what filters leave."""
    chance = random.Random(6)
    for _ in range(ASKED):
        kinds = chance.choice([["skill"], ["industry"], ["skill", "industry"]])
        statuses = chance.sample(STATES, chance.randint(1, 4))
        most = chance.choice([1, 10, ALL])
        labels = called(world, admitted(world, actor, kinds, statuses), SOURCES)
        counted = await repository.one(
            SearchBreadth(kinds, statuses, [], [], [], most), actor.context
        )

        assert min(most, len(labels)) == counted.labels


async def test_what_an_entity_is_called_comes_by_number(
    repository: Repository, unindexed: Connection, world: World, actor: Actor
) -> None:
    """All but descriptions, so many of the first."""
    seen = set(admitted(world, actor, ["skill", "industry"], STATES))
    names = [one for one in SOURCES if one != "description"]
    for count in (1, 3, ALL):
        for identity in [*world.entities["skill"], *world.entities["industry"]]:
            expected = called(world, [identity] if identity in seen else [], names)[:count]
            labels = await repository.many(
                SearchLabels(str(identity), count), actor.context, connection=unindexed
            )

            assert [(one["embedder"], one["vector"], one["lexical"]) for one in expected] == [
                structs.astuple(label) for label in labels
            ]


async def test_labels_for_pairs_come_entity_by_entity(
    repository: Repository, unindexed: Connection, world: World, actor: Actor
) -> None:
    """Those behind an id, by ids and numbers; who has none has a row without any."""
    chance = random.Random(7)
    for _ in range(ASKED):
        kind, statuses = chance.choice(["skill", "industry"]), chance.sample(STATES, 3)
        models, sources = chance.sample(MODELS, 2), chance.sample(SOURCES, 2)
        after = chance.choice([UUID(int=0), *world.entities[kind]])
        count = chance.choice([1, 4, ALL])
        ids = [one for one in admitted(world, actor, [kind], statuses) if one > after][:count]
        expected: list[Any] = []
        for identity in ids:
            rows = [
                (identity, one["vector"] if one["embedder"] in models else None, one["lexical"])
                for one in called(world, [identity], sources)
            ]
            expected += rows or [(identity, None, None)]
        query = SearchPairLabels(kind, statuses, models, sources, str(after), count)
        listed = await repository.many(query, actor.context, connection=unindexed)

        assert expected == [structs.astuple(row) for row in listed]


async def test_pairs_come_by_their_likest_labels(
    repository: Repository, world: World, actor: Actor
) -> None:
    """The likest pair first; of equal ones by ids, and of equal labels by what they say."""
    chance = random.Random(8)
    told = 0
    for _ in range(ASKED):
        kind, statuses = chance.choice(["skill", "skill", "industry"]), chance.sample(STATES, 5)
        models, sources = chance.sample(MODELS, 2), chance.sample(SOURCES, 3)
        words, least = chance.choice([0.5, 0.95]), chance.choice([-1.0, 0.2, 0.7])
        ids = [*world.entities["skill"], *world.entities["industry"]]
        pairs = {(chance.choice(ids), chance.choice(ids)) for _ in range(200)}
        seen = set(admitted(world, actor, [kind], statuses))
        found = []
        for one, other in pairs:
            if {one, other} <= seen:
                best = _likest(
                    called(world, [one], sources), called(world, [other], sources), models, words
                )
                if best and best[0] >= least:
                    found.append((one, other, *best))
        found.sort(key=lambda pair: (-round(pair[2], 6), pair[0], pair[1]))
        query = SearchPairs(
            [one for one, _ in pairs], [other for _, other in pairs], kind, statuses, models,
            sources, words, least,
        )  # fmt: skip
        rows = await repository.many(query, actor.context)
        told += len(found)

        assert rounded(found) == rounded([structs.astuple(row) for row in rows])
    assert told > ASKED


def _likest(
    ones: list[Row], others: list[Row], models: Sequence[str], words: float
) -> tuple[float, str, str] | None:
    found = []
    for one in ones:
        for other in others:
            likeness = words * (cosine(one["lexical"], other["lexical"]) or 0.0)
            if one["embedder"] in models and other["embedder"] in models:
                likeness = max(likeness, cosine(one["vector"], other["vector"]) or 0.0)
            found.append((likeness, one["label"], other["label"]))
    found.sort(key=lambda each: (-round(each[0], 6), each[1:]))
    return found[0] if found else None


async def test_the_scale_is_that_of_the_table_that_is_searched(
    superuser: Connection, catalog: Catalog, world: World
) -> None:
    """A tenant's own where there is one, as it was counted last; what is no part of it is not."""
    own = f"entity_label_{world.tenant.id.hex}"
    other = f"entity_label_{UUID(int=1).hex}"
    told = []

    async def tell(*statements: str) -> None:
        for one in statements:
            await superuser.execute(one)
        await superuser.execute("SET LOCAL ROLE plant_app")
        told.append(tuple(await superuser.fetchrow(catalog["search_scale"].text) or ()))
        await superuser.execute("RESET ROLE")

    def counted(table: str, tuples: int, *, part: bool = True) -> str:
        return (
            f"UPDATE pg_class SET reltuples = {tuples}, relispartition = {part}"
            f" WHERE oid = '{table}'::regclass"
        )

    undone = superuser.transaction()
    await undone.start()
    try:
        await become(superuser, world.tenant.reader)
        await tell(counted("app.entity_label_default", -1))
        await tell(counted("app.entity_label_default", 500))
        for name in (f"public.{own}", f"app.{other}"):
            await tell(f"CREATE TABLE {name} ()", counted(name, 900))
        await tell(f"CREATE TABLE app.{own} ()", counted(f"app.{own}", 7, part=False))
        await tell(counted(f"app.{own}", 7))
        await tell(f"CREATE TABLE app.{own}_2 ()", counted(f"app.{own}_2", 9))
        await tell(counted(f"app.{own}_2", -1), counted(f"app.{own}", -1))
        await tell(counted(f"app.{own}_2", 0, part=False), counted(f"app.{own}", 7, part=False),
                   counted("app.entity_label_default", 500, part=False))  # fmt: skip
    finally:
        await undone.rollback()

    assert told == [
        (0, False), (500, False), (500, False), (500, False), (500, False), (7, True), (9, True),
        (0, True), (0, False),
    ]  # fmt: skip
