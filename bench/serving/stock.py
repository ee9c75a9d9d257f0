"""The table that everybody serves: so many skills, in force, shared out among tenants."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import psycopg
from msgspec import Struct

from bench.ground import Actor, Ground, make_actors
from bench.result import several
from service.catalog.statement import CONTEXT

SEED: Final = 9
WRITERS: Final = 2
"""Sessions at once."""
BATCH: Final = 5_000
SAMPLE: Final = 4_000
"""Ids that are asked for, of all tenants together; as many are drafts at most."""

DRAFTS: Final = 4
"""Of so many skills one is a draft, and older than all that are in force."""


FILL: Final = """
SELECT count(*)
FROM app.skill_create(
    ARRAY(SELECT uuidv7() FROM generate_series(1, %(count)s::integer)),
    ARRAY(
        SELECT jsonb_build_object(
            'name', %(prefix)s::text || (%(from)s::integer + n),
            'external_id', 'urn:' || %(prefix)s::text || (%(from)s::integer + n),
            'description', 'What somebody who has it can do with it, and what not, in words. '
                || 'It takes some lines to say so.',
            'category', (ARRAY['technical', 'soft_skill', 'domain_expertise'])[1 + n %% 3],
            'aliases', jsonb_build_array('also ' || n, 'or even ' || n),
            'tags', jsonb_build_array('one', 'two', 'group ' || n %% 100),
            'custom_attributes', jsonb_build_object('source', 'bench', 'rank', n)
        )
        FROM generate_series(1, %(count)s::integer) AS n
    ),
    %(status)s::text
)
"""
AHEAD: Final = """
INSERT INTO app.label_cursor (tenant_id, embedder, pos)
SELECT tenant.tenant_id, embedder.name, 1000000000000
FROM app.tenant
CROSS JOIN (VALUES ('minilm-l6-v2-int8/1'), ('trigram/1')) AS embedder (name)
"""
SAMPLED: Final = """
SELECT id::text FROM app.base_entity
WHERE tenant_id = %s::uuid AND entity_type = 'skill' AND status = %s
ORDER BY sha256(uuid_send(id)) LIMIT %s
"""


LABELLED: Final = """
SELECT setseed(0.9);
INSERT INTO app.entity_label (
    tenant_id, entity_id, label_no, entity_type, source, label, text_sha256, embedder,
    embedding_384, lexical_384
)
SELECT
    base.tenant_id, base.id, 0, base.entity_type, 'caller', base.name,
    sha256(convert_to(base.name, 'UTF8')), 'caller', random.vector, random.vector
FROM app.base_entity AS base
CROSS JOIN LATERAL (
    SELECT public.l2_normalize(array_agg(random_normal())::public.vector) AS vector
    FROM generate_series(1, 384)
    WHERE base.id IS NOT NULL
) AS random
WHERE base.status = 'active'
"""


class Shop(Struct, frozen=True):
    """A tenant: who asks in its name, some ids of what it has in force, and of its drafts."""

    actor: Actor
    ids: list[str]
    drafts: list[str]


class Stock(Struct, frozen=True):
    """A filled table; `labelled`: everything in force has the vector of a caller."""

    rows: int
    shops: list[Shop]
    labelled: bool = False


def fill(
    ground: Ground, rows: int, tenants: int, tell: Callable[[str], None], *, searched: bool
) -> Stock:
    """Fill an empty database, with the log of everything; with vectors where it is searched."""
    authors = make_actors(ground, tenants)
    certifiers = make_actors(ground, tenants, "certifier", ["certify"])
    tell(f"writing {rows:,} skills of {several(tenants, 'tenant')}")
    shares = [rows // tenants + (number < rows % tenants) for number in range(tenants)]
    with ThreadPoolExecutor(WRITERS) as pool:
        each = zip(authors, certifiers, shares, strict=True)
        list(pool.map(lambda one: _written(ground, SAMPLE // tenants, *one), each))
    ground.run(AHEAD)
    if searched:
        tell("giving them vectors")
        ground.run(LABELLED)
    ground.run("VACUUM (ANALYZE)")
    ground.run("CHECKPOINT")
    return Stock(rows, _shops(ground, authors), searched)


def _written(ground: Ground, drafts_most: int, author: Actor, certifier: Actor, count: int) -> None:
    drafts = min(count // DRAFTS, max(2, drafts_most))
    with psycopg.connect(ground.url("superuser"), autocommit=True) as connection:
        values = (*author.context[:4], certifier.key_id)
        for (_, setting), value in zip(CONTEXT, values, strict=True):
            connection.execute("SELECT set_config(%s, %s, FALSE)", (setting, value))
        connection.execute(
            FILL, {"prefix": "draft ", "status": "draft", "from": 0, "count": drafts}
        )
        for begin in range(drafts, count, BATCH):
            given = {"prefix": "skill ", "status": "active", "from": begin}
            connection.execute(FILL, given | {"count": min(BATCH, count - begin)})


def _shops(ground: Ground, actors: Sequence[Actor]) -> list[Shop]:
    each = max(2, SAMPLE // len(actors))
    with psycopg.connect(ground.url("superuser"), autocommit=True) as connection:

        def ids(actor: Actor, status: str) -> list[str]:
            given = (actor.tenant_id, status, each)
            return [row[0] for row in connection.execute(SAMPLED, given)]

        return [Shop(actor, ids(actor, "active"), ids(actor, "draft")) for actor in actors]
