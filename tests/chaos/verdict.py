"""What has to hold at the end: the rows are those that were acknowledged, each change once."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import aiohttp

from tests.bench import pool_metrics
from tests.chaos.calls import now
from tests.chaos.ground import Ground
from tests.chaos.work import Known, Worker

RESTORED_S_MAX = 5.0
ROWS = """
SELECT
    base_entity.id::text,
    base_entity.name,
    base_entity.status::text,
    base_entity.version,
    (SELECT count(*) FROM audit.entry WHERE entry.entity_id = base_entity.id) AS entries,
    (
        SELECT count(*)
        FROM audit.entry
        INNER JOIN audit.payload USING (tenant_id, audit_id)
        WHERE entry.entity_id = base_entity.id
    ) AS payloads,
    (
        (SELECT count(*) FROM app.skill_entity WHERE skill_entity.id = base_entity.id)
        + (SELECT count(*) FROM app.industry_entity WHERE industry_entity.id = base_entity.id)
        + (SELECT count(*) FROM app.job_role_entity WHERE job_role_entity.id = base_entity.id)
    ) AS kinds
FROM app.base_entity
WHERE base_entity.tenant_id = $1
"""
BROKEN_CHAINS = """
SELECT count(*)
FROM (
    SELECT
        prev_hash,
        version,
        lag(entry_hash) OVER own AS before,
        row_number() OVER own AS place
    FROM audit.entry
    WINDOW own AS (PARTITION BY entity_id ORDER BY version)
) AS link
WHERE version <> place OR (place > 1 AND prev_hash <> before)
"""
STRAYS = """
SELECT count(*) FROM audit.entry
WHERE NOT EXISTS (SELECT FROM app.base_entity WHERE base_entity.id = entry.entity_id)
"""
SESSIONS = """
SELECT application_name, count(*), bool_and(state = 'idle') AS idle
FROM pg_stat_activity
WHERE datname = $1 AND application_name LIKE 'plant app%'
GROUP BY application_name
"""


async def safe(ground: Ground, workers: list[Worker]) -> list[str]:
    """List what was lost, doubled, half done or of another tenant; nothing when all is well."""
    broken: list[str] = []
    async with ground.superuser() as session:
        for tenant in ground.tenants:
            known = {
                one.id: one
                for worker in workers
                if worker.tenant.id == tenant.id
                for one in worker.known
            }
            rows = {row["id"]: row for row in await session.fetch(ROWS, tenant.id)}
            broken += [f"lost: {one.path}" for id_, one in known.items() if id_ not in rows]
            for id_, row in rows.items():
                broken += compared(dict(row), known.get(id_))
        if links := await session.fetchval(BROKEN_CHAINS):
            broken.append(f"{links} entries of the log do not follow the one before")
        if strays := await session.fetchval(STRAYS):
            broken.append(f"{strays} entries of the log are of no entity")
    return broken


def compared(row: Mapping[str, Any], known: Known | None) -> list[str]:
    """Say how a row is not as its writer knows it; no writer knows what was done twice."""
    if known is None:
        return [f"done twice, or never acknowledged: {row['name']}"]
    expected = {
        "id": known.id,
        "name": known.name,
        "status": known.status,
        "version": known.version,
        "entries": known.version,
        "payloads": known.version,
        "kinds": 1,
    }
    differing = {name: row[name] for name in expected if row[name] != expected[name]}
    return [f"{known.path}: {json.dumps(differing)}, but {expected}"] if differing else []


class _Metrics:
    """What `pool_metrics` asks."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def get(self, path: str) -> Any:
        async with self._session.get(self._url + path) as answer:
            body = await answer.read()
        return type("Said", (), {"body": body})


async def restored(ground: Ground, session: aiohttp.ClientSession) -> tuple[float, list[str]]:
    """Wait until no connection is lent and each is known to both sides; gives the seconds."""
    since, said = now(), ["the pools were never asked"]
    metrics = _Metrics(session, ground.service.url)
    async with ground.superuser() as superuser:
        while said and now() - since < RESTORED_S_MAX:
            seen = {
                row["application_name"]: row
                for row in await superuser.fetch(SESSIONS, ground.database)
            }
            said = []
            for name in ("write", "read"):
                told = await pool_metrics(metrics, name)  # type: ignore[arg-type]
                row = seen.get(f"plant app {name}")
                if told["in_use"] or told["plant_pool_waiting"]:
                    said.append(f"the pool for {name} is not idle: {told}")
                elif told["idle"] != (row["count"] if row else 0) or (row and not row["idle"]):
                    said.append(f"the pool for {name} says {told}, the server {row}")
            if said:
                await asyncio.sleep(0.05)
    return now() - since, said
