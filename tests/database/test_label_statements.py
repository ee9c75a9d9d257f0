"""The statements by which labels are kept up with the log, against a second reckoning.

Of the world that matching is tested with, with a log of which some has no place yet.
"""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from msgspec import Struct

from service.catalog.load import Catalog
from service.repository.base import Repository
from tests.database.test_match_statements import World, stocked
from tests.factories import make_tenant
from tests.sessions import Connection

pytestmark = pytest.mark.database

ASKED = 60
ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
MODELS = ("m/1", "m/2", "m/3")

ENTRY = """
INSERT INTO audit.entry
VALUES ($1, $2, 'skill', $3, $4, 'amend', '', '', now(), sha256(''), sha256(''), sha256(''))
"""
PLACE = """
INSERT INTO audit.position (log_index, tenant_id, pos, audit_id, tenant_prev, leaf_hash)
VALUES ($1, $2, $3, $4, sha256(''), sha256(''))
"""
PENDING = """
INSERT INTO audit.pending (seq, tenant_id, audit_id) OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3)
"""
CURSOR = "INSERT INTO app.label_cursor (tenant_id, embedder, pos) VALUES ($1, $2, $3)"
ALIASES = "UPDATE app.base_entity SET aliases = $2 WHERE id = $1"
TWICE = """
INSERT INTO app.entity_label (
    tenant_id, entity_id, label_no, entity_type, source, label, text_sha256, embedder,
    embedding_384, lexical_384
)
SELECT
    $2, entity_id, label_no, entity_type, 'caller', label, text_sha256, embedder, embedding_384,
    lexical_384
FROM app.entity_label WHERE tenant_id = $1
"""
DUE = """
SELECT entity_type, version, source, label, text_sha256, embedder
FROM app.due_labels($1, $2, $3, $4, $5)
"""
DRAWN = """
SELECT
    entity_id, label_no, source, label, embedder, public.vector_send(embedding_384) AS embedding,
    public.vector_send(lexical_384) AS lexical,
    hashtextextended(entity_id::text || label_no, $2) AS place
FROM app.entity_label
WHERE tenant_id = $1
"""


class Kept(Struct):
    """Labels of a tenant, its log, and how far labels are."""

    world: World
    aliases: dict[UUID, list[str]]
    placed: list[UUID]
    """Entities in the order of positions."""
    pending: dict[int, UUID]
    """Entities by the numbers of the queue."""
    lasts: dict[UUID, int]
    """Of each tenant, the last position."""
    cursors: dict[tuple[UUID, str], int]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kept(owner: Repository, superuser: Connection) -> Kept:
    """Have the log of a tenant among others: longer, of equal length, and none."""
    chance = random.Random(9)
    world = await stocked(owner, superuser)
    tenant = world.tenant.id
    ids = [identity for rows in world.entities.values() for identity in rows]
    aliases = {one: ["x"] * chance.randint(0, 3) for one in ids}
    placed = [chance.choice(ids) for _ in range(60)]
    versions = dict.fromkeys(ids, 0)
    lasts = {tenant: len(placed)} | {
        (await make_tenant(owner)).id: count for count in (70, 4, 4, 4, 9, 1, 0)
    }
    await superuser.execute("SET session_replication_role = replica")
    await superuser.execute("ALTER TABLE app.base_entity DISABLE TRIGGER USER")
    await superuser.executemany(ALIASES, list(aliases.items()))

    async def entered(identity: UUID) -> UUID:
        versions[identity] += 1
        audit_id = UUID(int=chance.getrandbits(128), version=4)
        await superuser.execute(ENTRY, tenant, audit_id, identity, versions[identity])
        return audit_id

    places = [(tenant, pos, await entered(one)) for pos, one in enumerate(placed, 1)]
    places += [
        (other, pos, UUID(int=chance.getrandbits(128), version=4))
        for other, last in lasts.items()
        if other != tenant
        for pos in range(1, last + 1)
    ]
    chance.shuffle(places)
    places.sort(key=lambda one: one[0], reverse=True)
    await superuser.executemany(PLACE, [(nth, *one) for nth, one in enumerate(places)])
    pending = {seq: chance.choice(ids) for seq in chance.sample(range(100, 200, 2), 30)}
    for seq, one in pending.items():
        await superuser.execute(PENDING, seq, tenant, await entered(one))
        # Another tenant's stands between them.
        await superuser.execute(PENDING, seq + 1, list(lasts)[1], UUID(int=seq))
    others = list(lasts)
    cursors = {
        (tenant, "m/1"): 7, (tenant, "m/2"): 60, (others[1], "m/1"): 69, (others[2], "m/2"): 3,
        (others[5], "m/1"): 5,
    }  # fmt: skip
    await superuser.executemany(CURSOR, [(*key, pos) for key, pos in cursors.items()])
    # What was restored from an export has its ids in two tenants.
    await superuser.execute(TWICE, tenant, others[1])
    await superuser.execute("RESET session_replication_role")
    return Kept(world, aliases, placed, pending, lasts, cursors)


@pytest_asyncio.fixture(loop_scope="module")
async def worker(superuser: Connection) -> AsyncIterator[Connection]:
    """Be plant_worker, where no index gives an order that nobody asked for."""
    undone = superuser.transaction()
    await undone.start()
    await superuser.execute("SET LOCAL ROLE plant_worker")
    await superuser.execute("SET LOCAL statement_timeout = '10s'")
    for way in ("indexscan", "indexonlyscan", "bitmapscan", "mergejoin"):
        await superuser.execute(f"SET LOCAL enable_{way} = off")
    yield superuser
    await undone.rollback()


async def test_labels_that_serve_a_model_are_counted(
    worker: Connection, catalog: Catalog, kept: Kept
) -> None:
    """Beside those that there have to be; where words stand in for a model, all of them."""
    labels = [one for one in kept.world.labels if one["source"] != "caller"]
    brought = {one["id"] for one in kept.world.labels if one["source"] == "caller"}
    wanted = sum(2 + len(one) for one in kept.aliases.values())
    for model, words in (("m/1", "m/2"), ("m/2", "m/1"), ("m/1", "m/1"), ("m/3", "m/3")):
        present = sum(
            model == words
            or one["embedder"] == model
            or (one["embedder"] == words and one["id"] in brought)
            for one in labels
        )
        row = await worker.fetchrow(catalog["label_count"].text, kept.world.tenant.id, model, words)

        assert (wanted, present) == tuple(row or ())
    nobody = await worker.fetchrow(catalog["label_count"].text, UUID(int=1), "m/1", "m/2")
    assert (0, 0) == tuple(nobody or ())


async def test_how_far_a_tenant_is_embedded_is_told_beside_how_far_its_log_goes(
    worker: Connection, catalog: Catalog, kept: Kept
) -> None:
    """0 where there is nothing yet."""
    for tenant, last in kept.lasts.items():
        for model in MODELS:
            row = await worker.fetchrow(catalog["label_cursor"].text, tenant, model)

            assert (kept.cursors.get((tenant, model), 0), last) == tuple(row or ())


@pytest.mark.parametrize("model", MODELS)
async def test_tenants_that_are_behind_come_by_how_far(
    worker: Connection, catalog: Catalog, kept: Kept, model: str
) -> None:
    """Those with the least first, equal ones by id, so many of them."""
    behind = sorted(
        (last - kept.cursors.get((tenant, model), 0), tenant)
        for tenant, last in kept.lasts.items()
        if last > kept.cursors.get((tenant, model), 0)
    )
    for count in (1, 3, 100):
        rows = await worker.fetch(catalog["labels_behind"].text, model, count)

        assert [(tenant, many) for many, tenant in behind[:count]] == [tuple(row) for row in rows]


async def test_the_same_seed_draws_the_same_labels(
    worker: Connection, catalog: Catalog, kept: Kept
) -> None:
    """In the order of ids and numbers; of each whether a vector was brought."""
    tenant = kept.world.tenant.id
    brought = {one["id"] for one in kept.world.labels if one["source"] == "caller"}
    for seed in range(20):
        count = (1, 5, 1000)[seed % 3]
        every = await worker.fetch(DRAWN, tenant, seed)
        every.sort(key=lambda row: (row["place"], row["entity_id"], row["label_no"]))
        chosen = sorted(every[:count], key=lambda row: (row["entity_id"], row["label_no"]))
        rows = await worker.fetch(catalog["label_sample"].text, tenant, seed, count)

        assert [
            (*(row[name] for name in
               ("entity_id", "source", "label", "embedder", "embedding", "lexical")),
             row["entity_id"] in brought)
            for row in chosen
        ] == [tuple(row) for row in rows]  # fmt: skip


async def test_what_is_to_be_embedded_comes_in_the_order_of_the_log(
    worker: Connection, catalog: Catalog, kept: Kept
) -> None:
    """Placed entries first, then those of the queue; each entity once, where it comes up first."""
    chance = random.Random(10)
    tenant = kept.world.tenant.id
    seqs = sorted(kept.pending)
    for _ in range(ASKED):
        after_pos, after_seq = chance.choice([0, 20, 59, 60]), chance.choice([0, *seqs])
        entries, count = chance.choice([1, 5, 100]), chance.choice([1, 10, 5000])
        how = (*chance.sample(["m/1", "m/2"], 2), chance.choice([ALWAYS, NEVER]))
        found = [(pos, one) for pos, one in enumerate(kept.placed, 1) if pos > after_pos]
        queued = [(seq, kept.pending[seq]) for seq in seqs if seq > after_seq]
        places = _firsts(found[:entries])
        numbers = _firsts(queued[:entries])
        until = (
            max((pos for pos, _ in found[:entries]), default=after_pos),
            max((seq for seq, _ in queued[:entries]), default=after_seq),
        )
        expected: list[tuple[Any, ...]] = []
        for one in sorted(
            places.keys() | numbers.keys(),
            key=lambda one: (places.get(one, 10**9), numbers.get(one, 10**9), one),
        ):
            due = [tuple(row) for row in await worker.fetch(DUE, tenant, one, *how)]
            due.sort(key=lambda row: (row[2] is None, row[2], row[3]))
            place = (*until, places.get(one), numbers.get(one), one)
            expected += [(*place, *row) for row in due or [(None,) * 6]]
        rows = [
            tuple(row)
            for row in await worker.fetch(
                catalog["label_pending"].text, tenant, after_pos, after_seq, entries, *how, count
            )
        ]

        # Two of one entity and source are in no order.
        shown = slice(0, 8)
        expected = expected or [(*until, *(None,) * 9)]
        assert [row[shown] for row in expected][:count] == [row[shown] for row in rows]
        assert set(rows) <= set(expected)


def _firsts(found: list[tuple[int, UUID]]) -> dict[UUID, int]:
    firsts: dict[UUID, int] = {}
    for number, one in found:
        firsts.setdefault(one, number)
    return firsts
