"""Answers that do not arrive: what was done once is not done again, in one round trip."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from msgspec import structs

from service.http.clock import Clock
from tests.api import PATHS, ROAD, Answer, Api, serving
from tests.bench import SMALL, until
from tests.counts import rows
from tests.factories import Actor, Tenant, skill_body, unique
from tests.postgres import Server
from tests.proxy import Proxy

ARCHIVE = {"to": "archived", "reason": "r"}
SEED = secrets.randbits(32)
ENTITIES = 8
TRIES_MAX = 500
AGAIN = {409: "idempotency-in-progress", 503: "unavailable", 504: "outcome-unknown"}
"""What a client that repeats meets on the way, and repeats after."""


class Stopped(Clock):
    """Seconds that do not pass: a key that was looked up once stays known."""

    def monotonic(self) -> float:
        """Return always the same."""
        return 0.0


@asynccontextmanager
async def through(
    cluster: Server, database: str, tenant: Tenant, **settings: Any
) -> AsyncIterator[tuple[Api, Proxy]]:
    """Serve with a proxy between service and database; the author's key is known already."""
    chosen = structs.replace(SMALL, **settings)
    async with (
        Proxy.to(cluster.url("app", database)) as way,
        serving(chosen, way.url, Stopped()) as url,
        Api.open(url, tenant) as api,
    ):
        for actor in (tenant.author, tenant.certifier):
            await api.by(actor).get("/v1/me")
        yield api, way


async def written(api: Api, way: Proxy, key: str | None) -> list[int]:
    """Create, patch and archive under one key; the round trips that each took."""
    trips = []
    etag, body = None, skill_body(name="the same" if key else unique("n"))
    method, path = "POST", "/v1/skills"
    for follows in (("PATCH", "", {"tags": ["a"]}), ("POST", "/status", ARCHIVE), None):
        before = way.trips
        headers = {"Idempotency-Key": key, "If-Match": etag}
        answer = await api.send(method, path, body, headers=headers)
        trips.append(way.trips - before)
        assert answer.status < 300, answer.body
        if follows is not None:
            method, etag = follows[0], answer.etag
            path, body = f"/v1/skills/{answer.json['id']}{follows[1]}", follows[2]
    return trips


class TestOneTrip:
    """What a write costs on the way to the database."""

    async def test_a_key_costs_no_trip_of_its_own(
        self, cluster: Server, database: str, tenant: Tenant
    ) -> None:
        """Create, patch, step and their replays: one round trip each, with a key and without."""
        async with through(cluster, database, tenant, pool_max=4) as (api, way):
            # The first time round each statement is prepared on the one connection.
            await written(api, way, None)
            trips = [await written(api, way, key) for key in (None, "k", "k")]

        assert [[1, 1, 1]] * 3 == trips

    async def test_a_dry_run_takes_more_and_leaves_the_connection_clean(
        self, cluster: Server, database: str, tenant: Tenant
    ) -> None:
        """BEGIN, the call, the check and ROLLBACK; what comes next is a transaction of its own."""
        async with through(cluster, database, tenant, pool_max=4) as (api, way):
            # The first time round a creation is prepared on the one connection.
            await api.post("/v1/skills", skill_body())
            body = skill_body()
            dry = [await api.post("/v1/skills", body, Prefer="tx=rollback") for _ in range(2)]
            before = way.trips
            made = await api.post("/v1/skills", body)
            trips = way.trips - before
            found = await api.get(f"/v1/skills/{made.json['id']}")

        assert [200, 200, 201, 200] == [one.status for one in (*dry, made, found)]
        assert 1 == trips


class TestLostReply:
    """The change is committed, and its sender never hears of it."""

    @pytest.mark.parametrize("what", ["create", "patch", "step"])
    async def test_the_repeated_request_is_answered_not_done(
        self,
        cluster: Server,
        database: str,
        tenant: Tenant,
        superuser: asyncpg.Connection,
        what: str,
    ) -> None:
        """504 says to repeat it with its key; then comes what the first answer would have been."""
        async with through(cluster, database, tenant, pool_max=4) as (api, way):
            # The statements are prepared: what is lost is the answer to the change itself.
            await written(api, way, None)
            made = await api.post("/v1/skills", skill_body())
            path = f"/v1/skills/{made.json['id']}"
            method, path, body = {
                "create": ("POST", "/v1/skills", skill_body()),
                "patch": ("PATCH", path, {"tags": ["a"]}),
                "step": ("POST", f"{path}/status", {"to": "under_review", "reason": "r"}),
            }[what]
            headers = {"Idempotency-Key": "k", "If-Match": made.etag}
            before = await rows(superuser, tenant.id)
            way.losing = True
            sent = asyncio.create_task(api.send(method, path, body, headers=headers))
            await until(
                lambda: rows(superuser, tenant.id), lambda now: now.entries == before.entries + 1
            )
            way.cut()
            lost = await sent
            way.losing = False
            after = await rows(superuser, tenant.id)
            again = [await api.send(method, path, body, headers=headers) for _ in range(2)]

            assert (504, "outcome-unknown") == (lost.status, lost.problem)
            assert after == await rows(superuser, tenant.id)
            assert {"true"} == {one.headers.get("Idempotency-Replayed") for one in again}
            assert {201 if what == "create" else 200} == {one.status for one in again}
            for one in again:
                found = await api.get(f"/v1/skills/{one.json['id']}")
                assert (found.body, found.etag) == (one.body, one.etag)


class Client:
    """Means one thing at a time, and repeats it on every way there is until it is told it is done.

    What it has to know after a crash it wrote down before it sent anything: key and request.
    """

    def __init__(self, api: Api, way: Proxy, random: Random, number: int) -> None:
        self._api = api
        self._way = way
        self._random = random
        self._number = number
        self._journal: list[tuple[Actor, str, str, bytes, dict[str, str]]] = []
        self.firsts: list[Answer] = []
        self.meant: dict[str, Any] = {}

    async def live(self, tenant: Tenant) -> None:
        """Take an entity from its birth to a state, with changes on the way."""
        body = skill_body(name=unique("meant"), tags=["t0"])
        answer = await self._done(tenant.author, "POST", PATHS["skill"], body)
        path = f"{PATHS['skill']}/{answer.json['id']}"
        for number in range(1, 4):
            patch = {"tags": [f"t{number}"], "governance_notes": f"note {number}"}
            answer = await self._done(tenant.author, "PATCH", path, patch, answer.etag)
        status = self._random.choice(sorted(ROAD))
        for to in ROAD[status]:
            actor = tenant.certifier if to == "certified" else tenant.author
            step = {"to": to, "reason": "meant"}
            answer = await self._done(actor, "POST", f"{path}/status", step, answer.etag)
        self.meant = body | {"tags": ["t3"], "governance_notes": "note 3", "status": status}
        self.meant |= {"id": answer.json["id"], "version": len(self._journal)}

    async def _done(
        self, actor: Actor, method: str, path: str, body: Any, etag: str | None = None
    ) -> Answer:
        """Write down what is meant, then send it until it is done."""
        headers = {"Idempotency-Key": f"{SEED}-{self._number}-{len(self._journal)}"}
        headers |= {"If-Match": etag} if etag else {}
        self._journal.append((actor, method, path, json.dumps(body).encode(), headers))
        for _ in range(TRIES_MAX):
            answer = await self._sent(len(self._journal) - 1)
            if answer is not None and answer.status < 300:
                self.firsts.append(answer)
                await self._looked_back()
                return answer
        raise AssertionError(f"never done: {self._journal[-1]}")

    async def _looked_back(self) -> None:
        """Repeat something that was done long ago, as a client with a bad memory does."""
        place = self._random.randrange(len(self.firsts))
        answer = await self._sent(place)
        if answer is not None and answer.status < 300:
            first = self.firsts[place]
            assert (first.status, first.body) == (answer.status, answer.body)
            assert first.etag == answer.etag

    async def _sent(self, place: int) -> Answer | None:
        """Send one entry of the journal on a way that is drawn; None when no answer came."""
        match self._random.randrange(6):
            case 0:
                await self._thrown(place, 1.0)
                return None
            case 1:
                await self._thrown(place, self._random.random())
                return None
            case 2:
                found = await asyncio.gather(*(self._asked(place) for _ in range(3)))
                return next((one for one in found if one.status < 300), found[0])
            case 3:
                sent = asyncio.create_task(self._asked(place))
                for _ in range(self._random.randrange(4)):
                    await asyncio.sleep(0)
                self._way.cut()
                return await sent
            case _:
                return await self._asked(place)

    async def _asked(self, place: int) -> Answer:
        actor, method, path, body, headers = self._journal[place]
        answer = await self._api.by(actor).send(method, path, raw=body, headers=headers)
        expected = answer.status < 300 or AGAIN.get(answer.status) == answer.problem
        assert expected, (SEED, answer.body, self._journal[place])
        return answer

    async def _thrown(self, place: int, share: float) -> None:
        """Send a request, or the first part of one, and go away."""
        actor, method, path, body, headers = self._journal[place]
        given = headers | {
            "Host": "x",
            "Authorization": f"Bearer {actor.key}",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
        }
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {text}" for name, text in given.items())]
        data = "\r\n".join([*lines, "", ""]).encode() + body
        parts = urlsplit(self._api.url)
        _, writer = await asyncio.open_connection(parts.hostname, parts.port)
        with suppress(ConnectionError):
            writer.write(data[: int(len(data) * share)])
            await writer.drain()
            writer.close()
            await writer.wait_closed()


async def test_who_repeats_everything_ends_with_what_was_meant(
    cluster: Server,
    database: str,
    tenant: Tenant,
    superuser: asyncpg.Connection,
) -> None:
    """Requests lost, cut, sent twice and at once, connections killed: each change is made once."""
    print(f"SEED={SEED}")  # noqa: T201
    async with through(
        cluster, database, tenant, pool_max=14, waiting_max=100, acquire_timeout_ms=3_000
    ) as (api, way):
        clients = [Client(api, way, Random(f"{SEED}/{n}"), n) for n in range(ENTITIES)]
        before = await rows(superuser, tenant.id)
        await asyncio.gather(*(client.live(tenant) for client in clients))
        # What was sent last may still be on its way, but has nothing left to do.
        after = await rows(superuser, tenant.id)
        found = [await api.get(f"/v1/skills/{client.meant['id']}") for client in clients]
        listed = await api.get("/v1/skills?limit=200")

    for client, answer in zip(clients, found, strict=True):
        assert client.meant == {name: answer.json[name] for name in client.meant}
    assert ENTITIES == after.entities - before.entities == len(listed.json["items"])
    assert sum(client.meant["version"] for client in clients) == after.entries - before.entries
