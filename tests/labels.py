"""Labels with their vectors, as the background writes them, and a model easily seen through."""

import random
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from hashlib import sha256
from itertools import permutations, product
from math import hypot
from typing import Any
from uuid import UUID

import msgspec
import pytest

from service.catalog.statement import Statement
from service.embedding.embedder import model_of
from service.embedding.trigram import Trigram
from service.model.vector import unit
from service.repository.base import Repository
from service.usecases.search import Search
from tests.factories import Actor
from tests.sessions import Connection, acting

MODEL = "fake/1"
WORDS = model_of(Trigram())
SAME = {
    "vessel": "boat",
    "vessels": "boats",
    "repairs": "repair",
    "mend": "repair",
    "elderly": "old",
    "folk": "people",
}
"""Words that mean what others mean, and share no letters with them."""


@cache
def _direction(word: str) -> tuple[float, ...]:
    chance = random.Random(SAME.get(word, word))
    return tuple(chance.gauss(0, 1) for _ in range(384))


@cache
def meaning(text: str) -> tuple[float, ...]:
    """Give the vector of a text: that of its words, of which two of one meaning are the same."""
    sums = [sum(parts) for parts in zip(*map(_direction, text.lower().split()), strict=True)]
    length = hypot(*sums)
    return tuple(one / length for one in sums)


class Fake:
    """A model for searches; `asked` are the texts that it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def vector(self, text: str, whose: str = "") -> bytes:
        """Give the vector of a text."""
        self.asked.append(text)
        return struct.pack(">384f", *meaning(text))


def searching(
    model: Fake | None = None,
    *,
    exact_max: int = 5_000,
    similar_min: float | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Search:
    """Make what searches, by words and by a model if there is one."""
    return Search(
        Trigram(),
        model,
        WORDS if model is None else MODEL,
        exact_max=exact_max,
        similar_min=similar_min,
        monotonic=monotonic,
    )


SAID = "repair old boat people"
ALIKE = [
    " ".join(order)
    for words in product(
        ("mend", "repair"), ("elderly", "old"), ("vessel", "boat"), ("folk", "people")
    )
    for order in permutations(words)
]
"""Labels that mean what is said, by whatever words."""

SCANNED = """
SELECT format('ALTER FUNCTION %s SET hnsw.max_scan_tuples = ', oid::regprocedure)
FROM pg_proc WHERE proname = $1
"""


@asynccontextmanager
async def scanning(superuser: Connection, statement: Statement, tuples: int) -> AsyncIterator[None]:
    """Have a statement's indexes end after so many rows, while a service is running.

    One does not start with what its files do not say.
    """
    before = dict(statement.settings)["hnsw.max_scan_tuples"]
    altered = await superuser.fetchval(SCANNED, statement.function)
    await superuser.execute(f"{altered} {tuples}")
    try:
        yield
    finally:
        await superuser.execute(f"{altered} {before}")


def asked_for(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Note from now on which statements of many rows are asked for."""
    sent: list[Any] = []
    many = Repository.many

    async def noted(self: Repository, query: Any, *more: Any, **how: Any) -> Any:
        sent.append(query)
        return await many(self, query, *more, **how)

    monkeypatch.setattr(Repository, "many", noted)
    return sent


HIDDEN = "CASE WHEN status IN ('draft', 'under_review') THEN governance_agent_id END"
"""Whose draft an entity is or can become again, as app.wanted_label says it."""

ENTITIES = f"""
SELECT base.tenant_id, base.id, base.entity_type, base.name, base.description, base.aliases,
    {HIDDEN} AS private_to,
    coalesce(skill.embedding_384, industry.embedding_384)::real[] AS brought
FROM app.base_entity AS base
LEFT JOIN app.skill_entity AS skill USING (tenant_id, id)
LEFT JOIN app.industry_entity AS industry USING (tenant_id, id)
WHERE base.tenant_id = $1 AND ($2::uuid[] IS NULL OR base.id = ANY($2))
"""
ADD = """
INSERT INTO app.entity_label (
    tenant_id, entity_id, label_no, entity_type, source, label, text_sha256, embedder,
    embedding_384, lexical_384, private_to
) VALUES (
    $1, $2, $3, $4, $5, $6, $7, $8, $9::real[]::public.vector, $10::real[]::public.vector, $11
)
"""


async def embed(
    superuser: Connection,
    tenant: UUID,
    ids: Iterable[str | UUID] | None = None,
    *,
    model: str | None = MODEL,
) -> None:
    """Give entities of a tenant the labels that they have to have; without a model by words."""
    wanted = None if ids is None else [UUID(str(one)) for one in ids]
    rows = []
    for entity in await superuser.fetch(ENTITIES, tenant, wanted):
        labels = [("name", entity["name"]), *(("alias", one) for one in entity["aliases"])]
        if entity["description"] is not None:
            labels.append(("description", entity["description"]))
        brought = entity["brought"]
        for source, label in labels:
            words = lexical(label)
            computed = model is not None and brought is None
            vector = meaning(label) if computed else words
            rows.append((entity, source, label, model if computed else WORDS, vector, words))
        if brought is not None:
            rows.append((entity, "caller", entity["name"], "caller", singles(unit(brought)),
                         lexical(entity["name"])))  # fmt: skip
    await superuser.execute(
        "DELETE FROM app.entity_label WHERE tenant_id = $1 AND ($2::uuid[] IS NULL"
        " OR entity_id = ANY($2))", tenant, wanted,
    )  # fmt: skip
    await superuser.executemany(ADD, _numbered(rows))


async def seen_by(superuser: Connection, actor: Actor, identity: object) -> list[tuple[str, str]]:
    """Give source and text of the labels of an entity that an agent sees through the service."""
    async with acting(superuser, actor):
        await superuser.execute("SET LOCAL ROLE plant_app")
        return [
            (row["source"], row["label"])
            for row in await superuser.fetch(
                "SELECT source, label FROM app.entity_label WHERE entity_id = $1"
                " ORDER BY source, label",
                identity,
            )
        ]


def _numbered(rows: Sequence[Any]) -> list[tuple[Any, ...]]:
    numbers: dict[UUID, int] = {}
    written = []
    for entity, source, label, embedder, vector, words in rows:
        number = numbers[entity["id"]] = numbers.get(entity["id"], -1) + 1
        digest = sha256(label.encode()).digest()
        written.append(
            (entity["tenant_id"], entity["id"], number, entity["entity_type"], source, label,
             digest, embedder, list(vector), list(words), entity["private_to"])
        )  # fmt: skip
    return written


def lexical(text: str) -> list[float]:
    """Give the vector of a text's characters."""
    return list(struct.unpack(">384f", Trigram().embed([text])))


def singles(vector: bytes) -> list[float]:
    """Read the numbers of a vector."""
    return list(struct.unpack(">384f", vector))


def found(answer: Any) -> list[str]:
    """List the ids of what an answer has found."""
    return [item["entity"]["id"] for item in msgspec.json.decode(answer.body)["items"]]
