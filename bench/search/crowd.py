"""Tenants of very different sizes in one table of labels."""

import asyncio
import itertools
import math
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
import numpy as np
from msgspec import Struct

from bench.ground import Actor, Ground, make_actors, tenant_name
from bench.relevance.stock import INDEXES, MEMORY
from bench.relevance.typos import mistyped
from bench.relevance.vectors import MODEL
from bench.search.material import SEED, Entity, Material, noisy
from service.database.vectors import as_bytes
from service.model.vector import wire
from service.repository.base import Context

SHARES: Final = (0.001, 0.01, 0.1, None)
"""Of the labels of the table; the last tenant has the rest."""
FEW: Final = 15
"""Labels of one more tenant, however large the table is."""
REST: Final = 1 - sum(share for share in SHARES if share)
TAGS: Final = {"tenth": 10, "hundredth": 100}
"""Tags, and of how many entities each one has it."""
PROBES: Final = 100
TEXT_MAX: Final = 80
"""Characters of a label that is asked for: nobody types a description."""
BATCH: Final = 2_000
BASE: Final = (
    *("tenant_id", "id", "entity_type", "name", "description", "status", "created_at"),
    *("updated_at", "version_hash", "last_entry_id", "governance_agent_id", "document"),
)
LABEL: Final = (
    *("tenant_id", "entity_id", "label_no", "entity_type", "source", "label", "text_sha256"),
    *("embedder", "embedding_384", "lexical_384"),
)
TAG: Final = ("tenant_id", "entity_id", "entity_type", "tag")

Records = list[tuple[Any, ...]]


class Tenant(Struct, frozen=True):
    """One of the tenants: who asks for it, and how many labels it has."""

    name: str
    actor: Actor
    share: float
    labels: int

    @property
    def context(self) -> Context:
        """Give who asks."""
        actor = self.actor
        return Context(
            tenant_id=actor.tenant_id,
            governance_agent_id=actor.governance_agent_id,
            key_id=actor.key_id,
        )


class Probe(Struct, frozen=True):
    """What is asked for: near to labels, and none of them."""

    text: str
    vector: list[float]


class Crowd(Struct, frozen=True):
    """A filled table, what it is asked for, and the seconds that filling it took.

    `few` is the tenant that has next to nothing.
    """

    ground: Ground
    rows: int
    tenants: list[Tenant]
    few: Tenant
    probes: list[Probe]
    took_s: dict[str, float]


def crowd(ground: Ground, material: Material, rows: int, tell: Callable[[str], None]) -> Crowd:
    """Fill an empty database with so many labels, and build its indexes."""
    actors = make_actors(ground, len(SHARES) + 1)
    return asyncio.run(_filled(ground, material, rows, actors, tell))


async def _filled(
    ground: Ground,
    material: Material,
    rows: int,
    actors: list[Actor],
    tell: Callable[[str], None],
) -> Crowd:
    chance = np.random.default_rng(SEED)
    made = _copies(material, chance)
    clock = asyncio.get_running_loop().time
    connection = await asyncpg.connect(ground.url("superuser"))
    tenants: list[Tenant] = []
    try:
        await as_bytes(connection)
        indexes = await connection.fetch(INDEXES)
        for index in indexes:
            await connection.execute(f'DROP INDEX app."{index["name"]}"')
        await connection.execute("SET session_replication_role = replica")
        await connection.execute("ALTER TABLE app.base_entity DISABLE TRIGGER USER")
        begun = clock()
        for actor, share in zip(actors, (*SHARES, FEW / rows), strict=True):
            wanted = math.ceil(rows * (REST if share is None else share))
            count = await _tenant(connection, actor, wanted, made)
            tenants.append(Tenant(tenant_name(len(tenants)), actor, count / rows, count))
        await connection.execute("ALTER TABLE app.base_entity ENABLE TRIGGER USER")
        copied = clock()
        tell(f"{sum(one.labels for one in tenants):,} labels; building indexes")
        await connection.execute(MEMORY.replace("1GB", f"{max(1, rows // 400_000)}GB"))
        for index in indexes:
            await connection.execute(index["definition"].replace(" ON ONLY ", " ON "))
        built = clock()
        await connection.execute("VACUUM (ANALYZE)")
    finally:
        await connection.close()
    took = {"copy": copied - begun, "indexes": built - copied}
    *shared, few = tenants
    return Crowd(ground, rows, shared, few, _probes(material), took)


def _copies(material: Material, chance: np.random.Generator) -> Iterator[tuple[Entity, Any, Any]]:
    """Give the real entities in random order, then copies of them without end."""
    order = chance.permutation(len(material.entities))
    for round_ in itertools.count():
        for place in order:
            entity = material.entities[place]
            rows = slice(entity.begins, entity.begins + len(entity.labels))
            if round_:
                yield entity, *material.copied(entity, chance)
            else:
                yield entity, material.vectors[rows], material.lexicals[rows]


async def _tenant(
    connection: "asyncpg.Connection[Any]",
    actor: Actor,
    wanted: int,
    made: Iterator[tuple[Entity, Any, Any]],
) -> int:
    """Write entities with labels of one tenant, beneath the triggers; gives how many labels."""
    tenant, agent = uuid.UUID(actor.tenant_id), uuid.UUID(actor.governance_agent_id)
    now, count, number = datetime.now(UTC), 0, 0
    while count < wanted:
        base: Records = []
        labels: Records = []
        tags: Records = []
        while count < wanted and len(base) < BATCH:
            entity, vectors, lexicals = next(made)
            identity = uuid.uuid4()
            name = f"{entity.labels[0][1][:200]} {number}"
            base.append((tenant, identity, "skill", name, "A copy.", "active", now, now, bytes(32),
                         identity, agent, f'{{"id":"{identity}","name":"{number}"}}'))  # fmt: skip
            tags += [
                (tenant, identity, "skill", tag) for tag, each in TAGS.items() if number % each == 0
            ]
            given = entity.labels[: wanted - count]
            big = zip(vectors.astype(">f4"), lexicals.astype(">f4"), strict=True)
            labels += [
                (tenant, identity, no, "skill", source, text, bytes(32), MODEL,
                 wire(vector.tobytes()), wire(lexical.tobytes()))
                for no, ((source, text), (vector, lexical)) in enumerate(
                    zip(given, big, strict=False)
                )
            ]  # fmt: skip
            count += len(given)
            number += 1
        for table, columns, records in (
            ("base_entity", BASE, base), ("entity_label", LABEL, labels), ("entity_tag", TAG, tags),
        ):  # fmt: skip
            await connection.copy_records_to_table(
                table, schema_name="app", columns=columns, records=records
            )
    return count


def _probes(material: Material) -> list[Probe]:
    """Make what is asked for: real labels with two typos, and their vectors with noise in them."""
    chance = np.random.default_rng(SEED + 1)
    texts = [text for entity in material.entities for _, text in entity.labels]
    short = [place for place, text in enumerate(texts) if len(text) < TEXT_MAX]
    places = chance.choice(short, PROBES, replace=False)
    vectors = noisy(material.vectors[places], chance)
    return [
        Probe(mistyped(texts[place], SEED), vector.tolist())
        for place, vector in zip(places, vectors, strict=True)
    ]
