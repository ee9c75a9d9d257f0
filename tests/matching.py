"""Labels with their vectors, as the worker writes them, and a model that is easily seen through."""

import struct
from collections.abc import Iterable, Sequence
from hashlib import sha256
from math import hypot
from typing import Any
from uuid import UUID

from service.embedding.trigram import Trigram
from service.usecases.near_skills import NearSkills
from tests.labels import ADD, HIDDEN, MODEL, WORDS, Fake, meaning
from tests.sessions import Connection

ENTITIES = f"""
SELECT tenant_id, id, entity_type, name, aliases,
    {HIDDEN} AS private_to
FROM app.base_entity
WHERE tenant_id = $1 AND entity_type = coalesce($2, entity_type)
"""


def near_skills(model: Fake | None = None, *, exact_max: int = 10_000) -> NearSkills:
    """Make what compares skills, by words and by a model if there is one."""
    return NearSkills(Trigram(), model, WORDS if model is None else MODEL, exact_max=exact_max)


async def embed(
    superuser: Connection, tenant: UUID, *, model: str | None = MODEL, kind: str | None = None
) -> None:
    """Give the entities of a tenant labels for names and aliases, in place of those they have."""
    rows: list[tuple[Any, ...]] = []
    for entity in await superuser.fetch(ENTITIES, tenant, kind):
        labels = [("name", entity["name"]), *(("alias", one) for one in entity["aliases"])]
        for number, (source, label) in enumerate(labels):
            (words,) = struct.iter_unpack(">384f", Trigram().embed([label]))
            rows.append(
                (tenant, entity["id"], number, entity["entity_type"], source, label,
                 sha256(label.encode()).digest(), model or WORDS,
                 list(meaning(label) if model else words), list(words), entity["private_to"])
            )  # fmt: skip
    await superuser.execute("DELETE FROM app.entity_label WHERE tenant_id = $1", tenant)
    await superuser.executemany(ADD, rows)


async def crowd(superuser: Connection, tenant: UUID, skill: str, text: str, count: int) -> None:
    """Give a skill labels whose vectors are a text's, but of another model and other words."""
    (words,) = struct.iter_unpack(">384f", Trigram().embed([text]))
    # Nearer than most by its characters, and not near enough.
    strange = [0.6 * one + 0.8 * other for one, other in zip(words, meaning("x"), strict=True)]
    length = hypot(*strange)
    rows = [
        (tenant, UUID(skill), 100 + number, "skill", "alias", f"x{number}", bytes(32), "other/1",
         list(meaning(text)), [one / length for one in strange], None)
        for number in range(count)
    ]  # fmt: skip
    await superuser.executemany(ADD, rows)


def ids(items: Iterable[Any]) -> Sequence[str]:
    """List the ids of what an answer has found."""
    return [item["entity"]["id"] for item in items]
