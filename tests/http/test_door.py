"""Who would wait in vain is refused before anything is spent on the request."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.bench import Bench, unavailable, until
from tests.factories import Tenant
from tests.postgres import Server

ROOM_FOR_ONE = {"pool_max": 3, "waiting_max": 1, "acquire_timeout_ms": 5_000}
"""One connection for reads and one for writes, and nobody gives up while a test looks."""


@asynccontextmanager
async def crowded(cluster: Server, database: str, tenant: Tenant) -> AsyncIterator[Bench]:
    """Have a service whose connections are all lent, and as many waiting as may."""
    async with (
        Bench.open(cluster, database, tenant, **ROOM_FOR_ONE) as bench,
        bench.closed() as session,
    ):
        there = [asyncio.create_task(bench.api.get("/v1/skills"))]
        there += [asyncio.create_task(bench.api.create("skill"))]
        await bench.waiting_backends(session, 2)
        there += [asyncio.create_task(bench.api.get("/v1/skills"))]
        there += [asyncio.create_task(bench.api.create("skill"))]
        for pool in ("read", "write"):
            await until(
                lambda pool=pool: bench.metrics(pool), lambda found: found["plant_pool_waiting"]
            )
        yield bench
        for one in there:
            one.cancel()
        await asyncio.gather(*there, return_exceptions=True)


@pytest.mark.parametrize(
    "method,path", [("GET", "/v1/skills"), ("GET", "/v1/nowhere"), ("POST", "/v1/skills")]
)
async def test_it_is_503_before_anything_is_looked_at(
    cluster: Server, database: str, tenant: Tenant, method: str, path: str
) -> None:
    """Path, key and body are not looked at, and the answer says what every refusal says."""
    async with crowded(cluster, database, tenant) as bench:
        body = b"{" if method == "POST" else None
        headers = {"Authorization": None, "Request-Id": "asked-0001"}
        answer = await bench.api.send(method, path, raw=body, headers=headers)
        unavailable(answer)
        assert "asked-0001" == answer.headers["Request-Id"] == answer.json["request_id"]
        assert "plant" == answer.headers["Server"]


async def test_a_head_has_no_body(cluster: Server, database: str, tenant: Tenant) -> None:
    """HEAD is refused as GET is, and the connection goes on."""
    async with crowded(cluster, database, tenant) as bench:
        for _ in range(2):
            answer = await bench.api.send("HEAD", "/v1/skills")
            assert (503, b"") == (answer.status, answer.body)


async def test_it_is_counted(cluster: Server, database: str, tenant: Tenant) -> None:
    """By its pool, and among the requests under a route of its own."""
    async with crowded(cluster, database, tenant) as bench:
        before = await bench.metrics("read"), await bench.metrics("write")
        unavailable(await bench.api.get("/v1/skills"))
        after = await bench.metrics("read"), await bench.metrics("write")
        moved = [
            new["plant_pool_refused_total"] - old["plant_pool_refused_total"]
            for old, new in zip(before, after, strict=True)
        ]
        assert [1, 0] == moved
        text = (await bench.api.get("/metrics")).body.decode()
        counted = 'plant_http_requests_total{method="GET",route="refused",status="503"} 1.0'
        assert counted in text


async def test_health_and_metrics_answer(cluster: Server, database: str, tenant: Tenant) -> None:
    """What an operator looks at first is not refused at the door."""
    async with crowded(cluster, database, tenant) as bench:
        for path in ("/livez", "/metrics"):
            assert 200 == (await bench.api.get(path)).status
