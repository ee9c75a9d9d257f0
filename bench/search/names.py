"""Looking a name up: under row security, and by a superuser who names the tenant."""

import statistics
import time
from typing import Final

import psycopg

from bench.pgbench import BenchError
from bench.result import Outcome, Row
from bench.search.crowd import Crowd

LOOK_UPS: Final = 2_000
ROUNDS: Final = 7
NAMES: Final = """
SELECT name FROM app.base_entity WHERE tenant_id = %s ORDER BY version_hash, id LIMIT %s
"""
LOOK_UP: Final = """
SELECT count(found.id)
FROM unnest(%s::text[]) AS asked (name)
CROSS JOIN
    LATERAL (
        SELECT base_entity.id
        FROM app.base_entity
        WHERE
            base_entity.entity_type = 'skill'
            AND base_entity.name_key = app.name_key(asked.name)
            AND base_entity.name_scope IS NOT DISTINCT FROM NULL
            AND base_entity.status <> 'archived'
            {tenant}
        ORDER BY base_entity.id DESC
        LIMIT 1
    ) AS found
"""


def measure(crowd: Crowd) -> Outcome:
    """Look names of the largest tenant up, both ways in turn."""
    tenant = crowd.tenants[-1]
    found: dict[str, list[float]] = {"app": [], "superuser": []}
    with (
        psycopg.connect(crowd.ground.url("app"), autocommit=True) as app,
        psycopg.connect(crowd.ground.url("superuser"), autocommit=True) as superuser,
    ):
        rows = superuser.execute(NAMES, (tenant.actor.tenant_id, LOOK_UPS)).fetchall()
        names = [row[0] for row in rows]
        for setting in ("tenant_id", "governance_agent_id", "key_id"):
            value = getattr(tenant.actor, setting)
            app.execute("SELECT set_config(%s, %s, FALSE)", (f"app.{setting}", value))
        for session in (app, superuser):
            session.execute("SET enable_seqscan = off")
            session.execute("SET jit = off")
        for _ in range(ROUNDS):
            for who, session, named in (
                ("app", app, None),
                ("superuser", superuser, tenant.actor.tenant_id),
            ):
                tenant_too = "" if named is None else "AND base_entity.tenant_id = %s::uuid"
                statement = LOOK_UP.format(tenant=tenant_too)
                given = (names,) if named is None else (names, named)
                begun = time.perf_counter()
                count = session.execute(statement, given).fetchone()
                found[who].append(1e6 * (time.perf_counter() - begun) / len(names))
                if count != (len(names),):
                    raise BenchError(f"{who} finds {count} of {len(names)} names.")
    under, owner = (statistics.median(found[who]) for who in ("app", "superuser"))
    row = Row(
        what=f"{crowd.rows:,} labels: a name looked up under row security / by a superuser",
        value=under / owner,
        most=1.5,
        how=f"{LOOK_UPS:,} names of the largest tenant in one statement, {ROUNDS} times in turn, "
        "medians: the condition of `sql/entity/entity_id_by_name.sql`, for `plant_app` with the "
        "policy, for a superuser with `tenant_id = …` instead.",
        beside=f"{under:.1f} against {owner:.1f} µs",
    )
    return Outcome([row], {"us": found})
