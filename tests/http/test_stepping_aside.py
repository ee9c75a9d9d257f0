"""Who waits for what another transaction has taken is in nobody's way at the door."""

import asyncio
from functools import partial
from typing import Any

from msgspec import structs

from service.database.shares import shares
from service.repository.base import Repository
from tests.api import Api
from tests.bench import SMALL, Bench, gauge, until
from tests.database.test_group_commit import holding
from tests.factories import Tenant, skill_body
from tests.postgres import Server
from tests.sessions import connections

SETTINGS: dict[str, Any] = {"pool_max": 30, "waiting_max": 200, "acquire_timeout_ms": 1_000}
OTHERS = 25
EACH = 20


async def test_who_waits_for_a_name_lets_nobody_else_be_refused(
    cluster: Server,
    database: str,
    tenant: Tenant,
    other_tenant: Tenant,
    repository: Repository,
) -> None:
    """As many of two tenants as may wait do; whatever else is written meanwhile is written."""
    size = shares(structs.replace(SMALL, **SETTINGS)).write.pool_max
    async with (
        connections(cluster, database) as connect,
        Bench.open(cluster, database, tenant, **SETTINGS) as bench,
        bench.blocking("SELECT") as looking,
    ):
        holders, stuck = [], []
        for actor in (tenant.author, other_tenant.author):
            body = skill_body()
            holders.append(await holding(repository, connect, actor, body))
            api = bench.api.by(actor)
            stuck += [asyncio.create_task(api.post("/v1/skills", body)) for _ in range(size)]
        await bench.waiting_backends(looking, size // 4 * 2)
        assert 2 * size == await until(
            partial(_outside, bench.api), lambda count: count >= 2 * size
        )
        found = [
            (await bench.api.post("/v1/batch", {"operations": _operations()})).status
            for _ in range(OTHERS)
        ]
        for holder in holders:
            await holder.rollback()
        told = [one.status for one in await asyncio.gather(*stuck)]
        assert 0 == await _outside(bench.api)

    assert [200] * OTHERS == found
    assert 2 == told.count(201)
    assert {201, 409, 503} >= set(told)


async def _outside(api: Api) -> int:
    """Read how many creations wait outside."""
    return await gauge(api, "plant_creations_waiting")


def _operations() -> list[dict[str, object]]:
    return [{"op": "create", "kind": "skill", "body": skill_body()} for _ in range(EACH)]
