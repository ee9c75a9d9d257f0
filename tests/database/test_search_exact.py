"""The exact search in one pass: row for row what app.entity_likeness says, entity by entity."""

import random
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import pytest
import pytest_asyncio
from msgspec import structs

from service.database.vectors import as_bytes
from service.model.vector import unit, wire
from service.repository.base import Repository
from service.repository.search import SOURCES, Hit, SearchExact
from tests.api import Api
from tests.factories import Actor, ActorWith, Tenant
from tests.labels import ADD, singles
from tests.sessions import Connection, acting

pytestmark = pytest.mark.database

MODELS = ("m/1", "m/2", "caller")
EACH = 18
"""Sets of labels; three entities have each, in another order."""
LABELS_MAX = 11
ASKED = 60

ONE_BY_ONE = """
SELECT
    candidate.id,
    (SELECT base.document FROM app.base_entity AS base WHERE base.id = candidate.id) AS document,
    best.score, best.vector, best.lexical, best.label
FROM app.search_candidates($1, $2, $3, $4, $5) AS candidate
CROSS JOIN LATERAL app.entity_likeness(candidate.id, $9, $8, $6, $7, $11, $12) AS best
WHERE candidate.id IS DISTINCT FROM $10 AND best.score IS NOT NULL
ORDER BY best.score DESC, candidate.id ASC
LIMIT $13
"""
Label = tuple[str, str, str, bytes, bytes]
"""Source, text, embedder, and both vectors."""


def drawn(chance: random.Random, count: int) -> list[bytes]:
    """Draw vectors of length 1: 384 singles each."""
    return [unit([chance.gauss(0, 1) for _ in range(384)]) for _ in range(count)]


def labels(chance: random.Random) -> list[list[Label]]:
    """Draw sets of labels of few texts and vectors, so that much is alike; one set is empty."""
    vectors, lexicals = drawn(chance, 9), drawn(chance, 9)
    return [
        [
            (chance.choice(SOURCES), chance.choice("abc"), chance.choice(MODELS),
             chance.choice(vectors), chance.choice(lexicals))
            for _ in range(number % (LABELS_MAX + 1))
        ]
        for number in range(EACH)
    ]  # fmt: skip


def asking(chance: random.Random, ids: Sequence[UUID]) -> SearchExact:
    """Draw what is asked for: several pairs, of which parts are missing, sources and models."""
    pairs = chance.randint(1, 4)
    vectors, lexicals = (
        [wire(one) if chance.random() < 0.75 else None for one in drawn(chance, pairs)]
        for _ in range(2)
    )
    return SearchExact(
        kinds=["skill"],
        statuses=["draft", "active"],
        categories=[],
        tags=[],
        industry_ids=[],
        vectors=vectors,
        lexicals=lexicals,
        models=chance.sample(MODELS, chance.randint(1, 3)),
        sources=chance.sample(SOURCES, chance.randint(1, 4)),
        but_id=chance.choice([None, str(chance.choice(ids))]),
        words=chance.choice([0.0, 0.5, 0.95, 1.0]),
        around=chance.choice([0.0, 0.05, 0.2, 1.0]),
        count=chance.choice([1, 5, 10, 500]),
    )


@pytest_asyncio.fixture(loop_scope="module")
async def ids(
    api: Api, superuser: Connection, actor_with: ActorWith, other_tenant: Tenant
) -> AsyncIterator[list[UUID]]:
    """Have skills of the tenant that its author sees, a draft of another's, and another tenant."""
    await as_bytes(superuser)
    chance = random.Random(5)
    sets = labels(chance)
    makers = [api] * 3 + [api.by(await actor_with("write", name="other")), api.of(other_tenant)]
    seen, rows = [], []
    for number, own in enumerate(sets):
        for nth, maker in enumerate(makers):
            made = await maker.made("skill", name=f"skill {number} {nth}")
            identity = UUID(made["id"])
            if maker is api:
                seen.append(identity)
            author = UUID(maker.actor.context.governance_agent_id)
            rows += [
                (maker.tenant.id, identity, no, "skill", source, text, bytes(32), embedder,
                 singles(vector), singles(lexical), chance.choice([author, None]))
                for no, (source, text, embedder, vector, lexical)
                in enumerate(chance.sample(own, len(own)))
            ]  # fmt: skip
    await superuser.executemany(ADD, rows)
    yield seen


async def one_by_one(superuser: Connection, actor: Actor, asked: SearchExact) -> list[Hit]:
    """Ask for the likeness of each entity by itself, as the service's role."""
    async with acting(superuser, actor):
        await superuser.execute("SET LOCAL ROLE plant_app")
        await superuser.execute("SET LOCAL enable_seqscan = off")
        rows = await superuser.fetch(ONE_BY_ONE, *structs.astuple(asked))
    return [Hit(**row) for row in rows]


async def test_one_pass_finds_what_asking_each_entity_finds(
    repository: Repository, superuser: Connection, api: Api, ids: list[UUID]
) -> None:
    """Ids in their order, documents, scores to the last bit, parts and labels, whatever is asked.

    Entities of the same labels in another order are as like, and stand in the order of their ids,
    also where the answer ends among them.
    """
    chance = random.Random(8)
    found, ties = 0, 0
    for _ in range(ASKED):
        asked = asking(chance, ids)
        hits = await repository.many(asked, api.actor.context)
        wanted = await one_by_one(superuser, api.actor, asked)

        assert wanted == hits
        assert {hit.id for hit in hits} <= set(ids)
        found += len(hits)
        ties += len(hits) - len({hit.score for hit in hits})

    assert found > 5 * ASKED
    assert ties > ASKED
