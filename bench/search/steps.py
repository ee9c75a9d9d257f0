"""What a step of the life cycle costs the database where the entity has vectors, and where not."""

import asyncio
import time
import uuid
from statistics import median
from typing import Any, Final

import psycopg
from psycopg import Connection

from bench.ground import SCOPES, Actor, Ground
from bench.pgbench import BenchError
from bench.relevance.vectors import MODEL
from bench.result import Outcome, Row
from bench.search.crowd import Crowd
from service.catalog.load import load as load_catalog
from service.catalog.statement import CONTEXT
from service.database.pool import Pool
from service.repository.base import Repository
from service.settings import Settings
from service.usecases.keys import create_key

ENTITIES: Final = 25
ROUNDS: Final = 8
LABELS: Final = 8
TENANT: Final = "steps"
STEPS: Final = (
    ("submit", "under_review"),
    ("withdraw", "draft"),
    ("submit again", "under_review"),
    ("certify", "certified"),
)
"""What each step is, and the state that it leads to."""
STEP: Final = """
UPDATE app.base_entity SET status = %s WHERE tenant_id = %s AND id = ANY(%s::uuid[])
"""
IDS: Final = "SELECT id FROM app.base_entity WHERE tenant_id = %s ORDER BY id"
CREATE: Final = """
SELECT count(*)
FROM app.skill_create(
    ARRAY(SELECT uuidv7() FROM generate_series(1, %s::integer)),
    ARRAY(
        SELECT jsonb_build_object(
            'name', 'skill ' || n, 'description', 'It is done.', 'category', 'technical',
            'aliases', ARRAY(SELECT 'skill ' || n || ' alias ' || a FROM generate_series(1, 6) AS a)
        )
        FROM generate_series(1, %s::integer) AS n
    ),
    'draft'
)
"""
GIVE: Final = """
INSERT INTO app.entity_label (
    tenant_id, entity_id, label_no, entity_type, source, label, text_sha256, embedder,
    embedding_384, lexical_384, private_to
)
SELECT
    wanted.tenant_id, wanted.entity_id, wanted.nth, wanted.entity_type, wanted.source,
    wanted.label, wanted.text_sha256, %s, given.vector::public.vector, given.vector::public.vector,
    wanted.private_to
FROM (
    SELECT
        wanted_label.*,
        row_number() OVER (PARTITION BY wanted_label.entity_id ORDER BY wanted_label.label) AS nth
    FROM app.wanted_label
) AS wanted
INNER JOIN unnest(%s::text[]) WITH ORDINALITY AS given (vector, nth) ON wanted.nth = given.nth
WHERE wanted.tenant_id = %s AND wanted.entity_id = ANY(%s::uuid[])
"""
THERE: Final = """
SELECT array_agg(ARRAY[ctid::text, xmin::text] ORDER BY ctid)
FROM app.entity_label WHERE entity_id = ANY(%s::uuid[])
"""

Times = dict[str, dict[str, list[float]]]
"""Milliseconds an entity, by step and group, for each round."""


def measure(crowd: Crowd) -> Outcome:
    """Take drafts to review, back, to review again and to certification, half with labels."""
    author, certifier = asyncio.run(_actors(crowd.ground))
    tenant = author.tenant_id
    took: Times = {step: {"with": [], "without": []} for step, _ in STEPS}
    with psycopg.connect(crowd.ground.url("superuser"), autocommit=True) as session:
        _work_for(session, author)
        session.execute(CREATE, (2 * ENTITIES * ROUNDS,) * 2)
        ids = [row[0] for row in session.execute(IDS, (tenant,))]
        half = ENTITIES * ROUNDS
        groups = {"with": ids[:half], "without": ids[half:]}
        # Their length is 1 but for what single precision loses.
        vectors = [str(probe.vector) for probe in crowd.probes[:LABELS]]
        session.execute(GIVE, (MODEL, vectors, tenant, groups["with"]))
        there = session.execute(THERE, (groups["with"],)).fetchone()
        for step, status in STEPS:
            _work_for(session, certifier if step == "certify" else author)
            for start in range(0, half, ENTITIES):
                for group in ("without", "with"):
                    part = groups[group][start : start + ENTITIES]
                    took[step][group].append(_stepped(session, status, tenant, part))
        if there is None or there != session.execute(THERE, (groups["with"],)).fetchone():
            raise BenchError("A step has written labels again.")
    return Outcome(_rows(crowd.rows, took), {"ms": took})


async def _actors(ground: Ground) -> tuple[Actor, Actor]:
    pool = Pool(ground.url("owner"), Settings(pool_min=1, pool_max=1), name="bench")
    owner = Repository(load_catalog(), pool)
    await pool.open()
    try:
        made = [
            await create_key(owner, TENANT, "author", SCOPES),
            await create_key(owner, TENANT, "certifier", ["read", "certify"]),
        ]
    finally:
        await pool.close()
    author, certifier = (
        Actor(one.key, str(one.tenant_id), str(one.governance_agent_id), str(one.key_id))
        for one in made
    )
    return author, certifier


def _work_for(session: "Connection[Any]", actor: Actor) -> None:
    for (_, setting), value in zip(CONTEXT, actor.context, strict=True):
        session.execute("SELECT set_config(%s, %s, FALSE)", (setting, value))


def _stepped(session: "Connection[Any]", status: str, tenant: str, ids: list[uuid.UUID]) -> float:
    begun = time.perf_counter()
    session.execute(STEP, (status, tenant, ids))
    return 1000 * (time.perf_counter() - begun) / len(ids)


def _rows(count: int, took: Times) -> list[Row]:
    words = {
        "submit": "draft → under review",
        "withdraw": "under review → draft",
        "submit again": "draft → under review again",
        "certify": "under review → certified",
    }
    return [
        Row(
            what=f"{count:,} labels: {words[step]}, with vectors / without",
            value=median(each["with"]) / median(each["without"]),
            most=1.5,
            how=f"{ROUNDS} times in turn an UPDATE of {ENTITIES} skills, medians, with all "
            f"triggers, beneath {LABELS} labels each or none, in a table with its indexes. "
            "No label is written: a check at the end.",
            beside=f"{median(each['with']):.2f} against {median(each['without']):.2f} ms an entity",
        )
        for step, each in took.items()
    ]
