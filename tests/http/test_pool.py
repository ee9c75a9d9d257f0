"""The pool seen over HTTP: exhaustion, lost backends, deadlines, and metrics that are true."""

import asyncio
import re
import time

from tests.bench import Bench, unavailable, until
from tests.factories import Tenant
from tests.postgres import Server


class TestExhaustion:
    """More requests than connections."""

    async def test_it_is_503_in_time_and_passes(
        self, cluster: Server, database: str, tenant: Tenant
    ) -> None:
        """Nobody hangs, nobody is lost, and the metrics say what goes on at each moment."""
        async with Bench.open(cluster, database, tenant) as bench:
            api = bench.api
            made = await api.create("skill")
            path = f"/v1/skills/{made.json['id']}"
            async with bench.locked(made.json["id"]) as session:
                writers = [
                    asyncio.create_task(api.patch(path, {"tags": [tag]}, made.etag))
                    for tag in ("a", "b")
                ]
                await bench.waiting_backends(session, 2)
                busy = await bench.metrics()
                assert (2, 0, 0) == (busy["in_use"], busy["idle"], busy["plant_pool_waiting"])

                begun = time.monotonic()
                unavailable(await api.create("skill"))
                assert 0.25 < time.monotonic() - begun < 2
                # Reads have connections of their own.
                assert 200 == (await api.get(path)).status
                assert 200 == (await api.get("/readyz")).status

                late_ones = [asyncio.create_task(api.create("skill")) for _ in range(10)]
                seen = await until(bench.metrics, lambda m: m["plant_pool_refused_total"] == 6)
                assert seen["plant_pool_waiting"] <= 4
                for answer in await asyncio.gather(*late_ones):
                    unavailable(answer)
                late = await bench.metrics()
                assert (5, 6) == (
                    late["plant_pool_timeouts_total"],
                    late["plant_pool_refused_total"],
                )
            assert [200, 412] == sorted(answer.status for answer in await asyncio.gather(*writers))
            assert 201 == (await api.create("skill")).status
            calm = await bench.metrics()
            assert (0, 2, 0) == (calm["in_use"], calm["idle"], calm["plant_pool_waiting"])

    async def test_who_waits_in_time_is_served(
        self, cluster: Server, database: str, tenant: Tenant
    ) -> None:
        """A connection that comes free goes to who waits for it."""
        async with Bench.open(
            cluster, database, tenant, acquire_timeout_ms=5_000, pool_max=4
        ) as bench:
            made = await bench.api.create("skill")
            path = f"/v1/skills/{made.json['id']}"
            async with bench.locked(made.json["id"]) as session:
                writer = asyncio.create_task(bench.api.patch(path, {"tags": ["a"]}, made.etag))
                await bench.waiting_backends(session, 1)
                waiters = [asyncio.create_task(bench.api.create("skill")) for _ in range(3)]
                seen = await until(bench.metrics, lambda m: m["plant_pool_waiting"] == 3)
                assert (1, 0) == (seen["in_use"], seen["idle"])
            assert 200 == (await writer).status
            assert {201} == {answer.status for answer in await asyncio.gather(*waiters)}
            assert 0 == (await bench.metrics())["plant_pool_timeouts_total"]

    async def test_a_client_that_goes_away_leaves_no_connection_behind(
        self, cluster: Server, database: str, tenant: Tenant
    ) -> None:
        """What was begun for it ends, and the pool has all its connections again."""
        async with Bench.open(cluster, database, tenant) as bench:
            made = await bench.api.create("skill")
            path = f"/v1/skills/{made.json['id']}"
            async with bench.locked(made.json["id"]) as session:
                writer = asyncio.create_task(bench.api.patch(path, {"tags": ["a"]}, made.etag))
                await bench.waiting_backends(session, 1)
                writer.cancel()
            await until(bench.metrics, lambda m: m["in_use"] == 0)
            assert 200 == (await bench.api.get(path)).status


class TestLocks:
    """Rows that others hold."""

    async def test_a_lock_that_does_not_come_is_503(
        self, cluster: Server, database: str, tenant: Tenant
    ) -> None:
        """After lock_timeout nothing was done, and the writer is told so."""
        async with Bench.open(cluster, database, tenant, lock_timeout_ms=100) as bench:
            made = await bench.api.create("skill")
            path = f"/v1/skills/{made.json['id']}"
            async with bench.locked(made.json["id"]):
                unavailable(await bench.api.patch(path, {"tags": ["a"]}, made.etag))
                unavailable(await bench.api.step(path, "under_review", made.etag))
            found = await bench.api.get(path)
            assert (made.body, made.etag) == (found.body, found.etag)

    async def test_a_statement_that_takes_too_long_is_503(
        self, cluster: Server, database: str, tenant: Tenant
    ) -> None:
        """statement_timeout ends it on the server; the connection is good for the next."""
        async with Bench.open(cluster, database, tenant, statement_timeout_ms=100) as bench:
            async with bench.closed():
                unavailable(await bench.api.get("/v1/skills"))
            assert 200 == (await bench.api.get("/v1/skills")).status


class TestLostBackends:
    """Connections that the server ends."""

    async def test_a_write_whose_backend_is_killed_is_unknown(
        self, cluster: Server, database: str, tenant: Tenant
    ) -> None:
        """504 says that the outcome is not known; here nothing was written, and all goes on."""
        async with Bench.open(cluster, database, tenant) as bench:
            made = await bench.api.create("skill")
            path = f"/v1/skills/{made.json['id']}"
            async with bench.locked(made.json["id"]) as session:
                writer = asyncio.create_task(bench.api.patch(path, {"tags": ["a"]}, made.etag))
                (pid,) = await bench.waiting_backends(session, 1)
                await session.execute("SELECT pg_terminate_backend($1)", pid)
                answer = await writer
            assert (504, "outcome-unknown") == (answer.status, answer.problem)
            assert made.body == (await bench.api.get(path)).body
            assert 200 == (await bench.api.patch(path, {"tags": ["b"]}, made.etag)).status
            assert 0 == (await bench.metrics())["in_use"]

    async def test_a_read_whose_backend_is_killed_may_be_repeated(
        self, cluster: Server, database: str, tenant: Tenant
    ) -> None:
        """503: a read has no outcome."""
        async with Bench.open(cluster, database, tenant) as bench:
            async with bench.closed() as session:
                reader = asyncio.create_task(bench.api.get("/v1/skills"))
                (pid,) = await bench.waiting_backends(session, 1)
                await session.execute("SELECT pg_terminate_backend($1)", pid)
                unavailable(await reader)
            assert 200 == (await bench.api.get("/v1/skills")).status

    async def test_idle_connections_that_were_killed_are_replaced(
        self, cluster: Server, database: str, tenant: Tenant
    ) -> None:
        """After a restart of the server nobody notices that the old connections are gone."""
        async with Bench.open(cluster, database, tenant) as bench:
            made = await bench.api.create("skill")
            async with bench.blocking("SELECT 1") as session:
                gone = await session.fetch(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                    "WHERE application_name LIKE 'plant app%' AND datname = $1",
                    database,
                )
            assert gone
            answers = await asyncio.gather(
                *(bench.api.get(f"/v1/skills/{made.json['id']}") for _ in range(4)),
            )
            assert {200} == {answer.status for answer in answers}


class TestDeadline:
    """The whole request has an end."""

    async def test_a_write_beyond_it_is_unknown_a_read_is_not(
        self, cluster: Server, database: str, tenant: Tenant
    ) -> None:
        """Both end in time; the statement ends too, and the connection comes back."""
        async with Bench.open(cluster, database, tenant, request_timeout_ms=200) as bench:
            made = await bench.api.create("skill")
            path = f"/v1/skills/{made.json['id']}"
            async with bench.closed() as session:
                begun = time.monotonic()
                read = await bench.api.get("/v1/skills")
                write = await bench.api.patch(path, {"tags": ["a"]}, made.etag)
                assert time.monotonic() - begun < 3
                await bench.waiting_backends(session, 0)
            unavailable(read)
            assert (504, "outcome-unknown") == (write.status, write.problem)
            assert made.body == (await bench.api.get(path)).body
            assert 0 == (await bench.metrics())["in_use"]


class TestCounters:
    """What /metrics counts of requests."""

    async def test_routes_methods_and_statuses(
        self, cluster: Server, database: str, tenant: Tenant
    ) -> None:
        """One count per answer, by route and never by path; odd methods are one label."""
        async with Bench.open(cluster, database, tenant) as bench:
            made = await bench.api.create("skill")
            for path in (f"/v1/skills/{made.json['id']}", "/v1/skills/x", "/v1/no/such"):
                await bench.api.get(path)
                await bench.api.send("PROPFIND", path)
            text = (await bench.api.get("/metrics")).body.decode()
            counted = {
                (labels, float(value))
                for labels, value in re.findall(
                    r"^plant_http_requests_total\{(.*)\} (\S+)$", text, re.MULTILINE
                )
            }
            assert {
                ('method="POST",route="/v1/skills",status="201"', 1.0),
                ('method="GET",route="/v1/skills/{id}",status="200"', 1.0),
                ('method="GET",route="/v1/skills/{id}",status="404"', 1.0),
                ('method="GET",route="unknown",status="404"', 1.0),
                ('method="other",route="unknown",status="404"', 1.0),
                ('method="GET",route="/v1/me",status="200"', 1.0),
            } <= counted
            assert made.json["id"] not in text
