"""A read replica, a real streaming standby: asked on request only, and lost without a word."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from msgspec import structs

from service.database.embedded import EmbeddedServer, embedded_server
from service.http.reading import REPLICA
from service.proof.bundle_check import check_bundle
from service.usecases.replica import Replica
from tests.api import Answer, Api
from tests.bench import SMALL, pool_metrics, until
from tests.edge import served
from tests.factories import Tenant
from tests.leader import Sealer
from tests.postgres import Server
from tests.proxy import Proxy
from tests.servers import plant, settings_with_room
from tests.standby import Standby, standby

LAG_MS = 1_000


class Copies:
    """A service with a replica, a way to it that can be cut, and sessions on both servers."""

    def __init__(self, api: Api, replica: Replica, way: Proxy, there: asyncpg.Connection) -> None:
        self.api = api
        self.replica = replica
        self.way = way
        self.there = there

    async def read(self, path: str, **headers: str) -> Answer:
        """Read where the replica may answer."""
        return await self.api.get(path, Prefer="replica", **headers)

    async def used(self) -> None:
        """Wait until the replica is used."""
        await until(self._usable, lambda usable: usable)

    async def unused(self) -> None:
        """Wait until the replica is not used."""
        await until(self._usable, lambda usable: not usable)

    async def _usable(self) -> bool:
        text = (await self.api.get("/metrics")).body
        return b"plant_replica_usable 1.0" in text

    async def arrived(self, path: str) -> Answer:
        """Wait until the replica itself has what there is."""
        answer: Answer = await until(lambda: self.read(path), from_replica)
        return answer

    async def held(self) -> None:
        """Let the replica replay nothing more."""
        await self.there.execute("SELECT pg_wal_replay_pause()")
        await until(
            lambda: self.there.fetchval("SELECT pg_get_wal_replay_pause_state()"),
            lambda state: state == "paused",
        )

    async def going(self) -> None:
        """Let the replica replay on."""
        await self.there.execute("SELECT pg_wal_replay_resume()")


def from_replica(answer: Answer) -> bool:
    """Say whether an answer came from the replica."""
    return answer.status < 400 and answer.headers.get("Preference-Applied") == "replica"


@pytest.fixture(scope="module")
def copy(process: EmbeddedServer, database: str) -> Iterator[Standby]:
    """Have a standby of the module's server, with the database on it."""
    with standby(process) as found:
        yield found


@asynccontextmanager
async def copies(
    cluster: Server, database: str, tenant: Tenant, copy: Standby, **settings: Any
) -> AsyncIterator[Copies]:
    """Serve with a replica behind a proxy."""
    patient = {"acquire_timeout_ms": 2_000, "replica_lag_max_ms": LAG_MS}
    chosen = structs.replace(SMALL, **(patient | settings))
    app_url = cluster.url("app", database)
    there = await asyncpg.connect(copy.url(cluster.url("superuser", database)))
    try:
        async with (
            Proxy.to(copy.url(app_url)) as way,
            served(chosen, app_url, replica_url=way.url) as service,
            Api.open(service.url, tenant) as api,
        ):
            found = Copies(api, service.app[REPLICA], way, there)
            await found.used()
            yield found
    finally:
        await there.close()


async def test_it_answers_only_who_asks(
    cluster: Server, database: str, tenant: Tenant, copy: Standby
) -> None:
    """With Prefer: replica the standby answers every kind of read and says so."""
    async with copies(cluster, database, tenant, copy) as found:
        made = await found.api.create("skill")
        path = f"/v1/skills/{made.json['id']}"
        there = await found.arrived(path)
        assert made.body == there.body
        plain = await found.api.get(path)
        assert (made.body, None) == (plain.body, plain.headers.get("Preference-Applied"))
        for read in (
            "/v1/skills",
            f"{path}/versions",
            f"{path}?version=1",
            f"{path}/compliance",
            f"/v1/entities?id={made.json['id']}",
            "/v1/exports",
        ):
            answer = await found.read(read)
            assert (200, True) == (answer.status, from_replica(answer)), read
        for search, body in (
            ("search", {"text": "a"}),
            ("search/duplicates", {"id": made.json["id"]}),
            ("search/duplicates", {"kind": "skill"}),
            ("match", {"skills": [{"text": "a"}]}),
        ):
            answer = await found.api.post(f"/v1/{search}", body, Prefer="replica")
            assert (200, True) == (answer.status, from_replica(answer)), body


async def test_receipts_come_from_it_once_they_can(
    cluster: Server, database: str, tenant: Tenant, copy: Standby, sealer: Sealer
) -> None:
    """What it cannot prove yet the primary waits for; what it can it proves by itself."""
    async with copies(cluster, database, tenant, copy) as found:
        made = await found.api.create("skill")
        path = f"/v1/skills/{made.json['id']}"
        await found.arrived(path)
        early = await found.read(f"{path}/receipt")
        waiting = asyncio.create_task(found.read(f"{path}/receipt?wait=30"))
        await sealer.seal()
        sealed = await waiting
        there = await found.arrived(f"{path}/receipt")
        proof = await found.arrived("/v1/exports?format=proof")

        assert (202, False) == (early.status, from_replica(early))
        assert (200, sealed.body) == (sealed.status, there.body)
        assert check_bundle(proof.body.splitlines(keepends=True), sealer.keys).count > 0


async def test_a_write_never_goes_there(
    cluster: Server, database: str, tenant: Tenant, copy: Standby
) -> None:
    """Who writes and asks for the replica is served by the primary, and not told otherwise."""
    async with copies(cluster, database, tenant, copy) as found:
        api = found.api
        wish = {"Prefer": "replica"}
        made = await api.post("/v1/skills", await api.body("skill"), **wish)
        path = f"/v1/skills/{made.json['id']}"
        given = wish | {"If-Match": made.etag}
        changed = await api.send("PATCH", path, {"tags": ["a"]}, headers=given)
        assert (201, 200) == (made.status, changed.status)
        assert not any(map(from_replica, (made, changed)))
        assert changed.body == (await api.get(path)).body
        async with found.replica.pool.connection() as session:
            assert "on" == await session.fetchval("SHOW default_transaction_read_only")


async def test_what_it_does_not_have_yet_is_found(
    cluster: Server, database: str, tenant: Tenant, copy: Standby
) -> None:
    """Never 404 for what is there, and never older than the ETag that the reader shows."""
    async with copies(cluster, database, tenant, copy, request_timeout_ms=9_000) as found:
        old = await found.api.create("skill")
        path = f"/v1/skills/{old.json['id']}"
        await found.arrived(path)
        await found.held()
        try:
            new = await found.api.patch(path, {"tags": ["a"]}, old.etag)
            made = await found.api.create("skill")
            fresh = await found.read(f"/v1/skills/{made.json['id']}")
            like = await found.api.post(
                "/v1/search/duplicates", {"id": made.json["id"]}, Prefer="replica"
            )
            version = await found.read(f"{path}?version=2")
            older = await found.read(path)
            known = await found.read(path, If_None_Match=new.etag)
        finally:
            await found.going()
    assert (made.body, False) == (fresh.body, from_replica(fresh))
    # Asked twice, with a body that comes once.
    assert (200, False) == (like.status, from_replica(like))
    assert (new.body, False) == (version.body, from_replica(version))
    assert (old.body, True) == (older.body, from_replica(older))
    assert (304, False) == (known.status, from_replica(known))


async def test_the_past_is_read_from_the_primary(
    cluster: Server, database: str, tenant: Tenant, copy: Standby
) -> None:
    """A time that the replica has not reached would be told wrongly there."""
    async with copies(cluster, database, tenant, copy) as found:
        made = await found.api.create("skill")
        at = made.json["updated_at"]
        path = f"/v1/skills/{made.json['id']}"
        await found.arrived(path)
        for read in (f"{path}?as_of={at}", f"/v1/skills?as%5Fof={at}"):
            answer = await found.read(read)
            assert (200, False) == (answer.status, from_replica(answer))


async def test_one_too_far_behind_is_not_used_until_it_has_caught_up(
    cluster: Server, database: str, tenant: Tenant, copy: Standby
) -> None:
    """Beyond PLANT_REPLICA_LAG_MAX_MS the primary answers, and the metrics say why."""
    async with copies(cluster, database, tenant, copy) as found:
        old = await found.api.create("skill")
        path = f"/v1/skills/{old.json['id']}"
        await found.arrived(path)
        await found.held()
        try:
            new = await found.api.patch(path, {"tags": ["a"]}, old.etag)
            await found.unused()
            assert found.replica.lag_s > LAG_MS / 1000
            answer = await found.read(path)
            assert (new.body, False) == (answer.body, from_replica(answer))
        finally:
            await found.going()
        assert new.body == (await found.arrived(path)).body


async def test_one_that_is_killed_costs_nobody_an_error(
    cluster: Server, database: str, tenant: Tenant, copy: Standby
) -> None:
    """Who was reading there is answered by the primary, and it is used again when it is back."""
    async with copies(cluster, database, tenant, copy) as found:
        made = await found.api.create("skill")
        path = f"/v1/skills/{made.json['id']}"
        await found.arrived(path)
        found.way.losing = True
        reads = [asyncio.create_task(found.read(path)) for _ in range(2)]
        await until(
            lambda: pool_metrics(found.api, "replica"),
            lambda pool: pool["in_use"] + pool["plant_pool_waiting"] >= len(reads),
        )
        await asyncio.to_thread(copy.stop)
        try:
            answers = await asyncio.gather(*reads)
            answers += [await found.read(path) for _ in range(3)]
            await found.unused()
            answers.append(await found.read(path))
        finally:
            found.way.losing = False
            await asyncio.to_thread(copy.start)
        assert {(200, made.body)} == {(one.status, one.body) for one in answers}
        assert not any(map(from_replica, answers))
        assert made.body == (await found.arrived(path)).body


@pytest.mark.parametrize("fault", ["silent", "refused", "cut"])
async def test_a_broken_way_to_it_costs_nobody_an_error(
    cluster: Server, database: str, tenant: Tenant, copy: Standby, fault: str
) -> None:
    """Every read is answered within the request's deadline, and the replica comes back."""
    # The driver's own deadline would leave the primary no time.
    late_ms = SMALL.request_timeout_ms - 50
    async with copies(cluster, database, tenant, copy, command_timeout_ms=late_ms) as found:
        made = await found.api.create("skill")
        path = f"/v1/skills/{made.json['id']}"
        await found.arrived(path)
        found.way.losing = fault == "silent"
        found.way.refusing = fault != "silent"
        if fault == "cut":
            found.way.cut()
        async with asyncio.timeout(SMALL.request_timeout_ms / 1000):
            answers = await asyncio.gather(*(found.read(path) for _ in range(5)))
        if fault != "refused":
            await found.unused()
        found.way.losing = found.way.refusing = False
        found.way.cut()
        assert {200} == {one.status for one in answers}
        assert made.body == (await found.arrived(path)).body
        calm = await until(
            lambda: pool_metrics(found.api, "replica"), lambda pool: pool["in_use"] == 0
        )
        assert 0 == calm["plant_pool_waiting"]


async def test_a_full_pool_of_it_is_not_the_clients_problem(
    cluster: Server, database: str, tenant: Tenant, copy: Standby
) -> None:
    """Who gets no connection there reads at the primary, and both are counted."""
    async with copies(cluster, database, tenant, copy, acquire_timeout_ms=50) as found:
        async with found.replica.pool.connection(), found.replica.pool.connection():
            answer = await found.read("/v1/skills")
            counted = await pool_metrics(found.api, "replica")
        assert (200, False) == (answer.status, from_replica(answer))
        assert (2, 0) == (counted["in_use"], counted["idle"])
        assert counted["plant_pool_timeouts_total"] >= 1
        before = dict(found.replica.answers)
        await until(lambda: found.read("/v1/skills"), from_replica)
        text = (await found.api.get("/metrics")).body
        assert found.replica.answers["replica"] == before.get("replica", 0) + 1
        for by, times in found.replica.answers.items():
            assert f'plant_replica_answers_total{{by="{by}"}} {times}.0'.encode() in text


async def test_one_that_is_promoted_is_a_replica_no_more(
    process: EmbeddedServer,
    cluster: Server,
    database: str,
    tenant: Tenant,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is not read any more, and what could be written there is refused by its sessions."""
    with standby(process) as copy:
        async with copies(cluster, database, tenant, copy) as found:
            made = await found.api.create("skill")
            path = f"/v1/skills/{made.json['id']}"
            await found.arrived(path)
            await asyncio.to_thread(copy.promote)
            await found.unused()

            async def said() -> bool:
                return "it is no standby" in caplog.text

            await until(said, bool)
            answers = [await found.read(path), await found.api.create("skill")]
            assert [(200, False), (201, False)] == [
                (one.status, from_replica(one)) for one in answers
            ]
            async with found.replica.pool.connection() as session:
                assert not await session.fetchval("SELECT pg_is_in_recovery()")
                with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
                    await session.execute("UPDATE app.base_entity SET governance_notes = 'x'")


@pytest.mark.parametrize("what", ["primary", "nothing"])
async def test_a_service_starts_and_serves_without_it(
    cluster: Server, database: str, tenant: Tenant, copy: Standby, what: str
) -> None:
    """An address that leads nowhere, or to a primary, is never used and does no harm."""
    app_url = cluster.url("app", database)
    nowhere = copy.url(app_url).replace(f"{copy.sockets}", f"{copy.sockets}/none")
    url = app_url if what == "primary" else nowhere
    async with (
        served(SMALL, app_url, replica_url=url) as service,
        Api.open(service.url, tenant) as api,
    ):
        replica = service.app[REPLICA]
        await replica.look()
        assert not replica.usable
        made = await api.create("skill")
        answer = await api.get(f"/v1/skills/{made.json['id']}", Prefer="replica")
    assert (made.body, False) == (answer.body, from_replica(answer))


async def test_a_standby_of_another_cluster_is_never_used(
    cluster: Server, database: str, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    """Its positions mean nothing here, however far they are."""

    async def said() -> bool:
        return "it follows another cluster" in caplog.text

    with settings_with_room() as room, embedded_server(room) as other, standby(other) as strange:
        url = strange.url(other.url("postgres"))
        async with (
            served(SMALL, cluster.url("app", database), replica_url=url) as service,
            Api.open(service.url, tenant) as api,
        ):
            await until(said, bool)
            answer = await api.get("/v1/skills", Prefer="replica")
            assert not service.app[REPLICA].usable
    assert (200, False) == (answer.status, from_replica(answer))


def test_the_doctor_looks_at_it(
    process: EmbeddedServer, cluster: Server, database: str, copy: Standby, tmp_path: Path
) -> None:
    """With the primary's own login, which the address need not repeat; away is a warning."""
    environ = cluster.environ(database)
    there = urlsplit(copy.url(environ["PLANT_APP_DATABASE_URL"]))
    bare = there._replace(netloc=there.netloc.rpartition("@")[2]).geturl()
    found = []
    for url in (bare, bare.replace(f"{copy.sockets}", f"{copy.sockets}/none")):
        said = plant(tmp_path, "doctor", "--json", **environ, PLANT_REPLICA_DATABASE_URL=url)
        checks = {one["id"]: one for one in json.loads(said.stdout)["checks"]}
        found.append(checks["replica"])
    assert ["good", "warning"] == [one["status"] for one in found]
    assert "lets in plant_app, and is a standby" in found[0]["found"]
