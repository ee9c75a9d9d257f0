"""A long history, written by the product's own triggers, set by set as fast as they go."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import psycopg

from bench.ground import Actor, Ground
from bench.scale import Scale
from service.catalog.statement import CONTEXT

WRITERS: Final = 2
"""Sessions at once."""

CREATE: Final = """
SELECT count(*)
FROM app.skill_create(
    ARRAY(SELECT uuidv7() FROM generate_series(1, %(count)s::integer)),
    ARRAY(
        SELECT jsonb_build_object(
            'name', 'skill ' || n, 'description', 'Version 1. ' || %(words)s::text,
            'category', 'technical', 'tags', jsonb_build_array('one', 'two', 'three')
        )
        FROM generate_series(1, %(count)s::integer) AS n
    ),
    'draft'
)
"""
# Triggers make version, time and document of it, and the log.
AMEND: Final = """
UPDATE app.base_entity
SET description = 'Version ' || version + 1 || '. ' || %(words)s::text
WHERE tenant_id = %(tenant)s::uuid
"""
WORDS: Final = "Shape clay on a wheel. " * 6
"""They make documents of some 600 bytes."""


def fill(
    ground: Ground, actors: Sequence[Actor], scale: Scale, tell: Callable[[str], None]
) -> None:
    """Write the entities, and every version of them; nothing is placed or sealed."""
    tell(f"writing a history of {scale.entries:,} entries")
    begun = time.perf_counter()
    each = scale.entities // len(actors)
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda actor: _written(ground, actor, each, scale.versions), actors))
    took = time.perf_counter() - begun
    tell(f"written in {took:.0f} s, {scale.entries / took:,.0f} entries/s")


def _written(ground: Ground, actor: Actor, entities: int, versions: int) -> None:
    given = {"count": entities, "words": WORDS, "tenant": actor.tenant_id}
    with psycopg.connect(ground.url("superuser"), autocommit=True) as connection:
        for (_, setting), value in zip(CONTEXT, actor.context, strict=True):
            connection.execute("SELECT set_config(%s, %s, FALSE)", (setting, value))
        connection.execute(CREATE, given)
        for _ in range(versions - 1):
            connection.execute(AMEND, given)
