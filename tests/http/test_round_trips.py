"""What a request costs on the way to the database: round trips and statements, counted exactly.

A proxy counts what the service sends, over one connection for reads and one for writes. Each
request is sent twice and the second is counted: each connection prepares a statement once.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest
from msgspec import structs

from service.database.batcher import BATCH_MAX
from service.model.kinds import BY_NAME
from service.openapi.registry import OPERATIONS
from service.repository.compliance import CHECKS
from tests.api import PATHS, Answer, Api
from tests.bench import SMALL, until
from tests.edge import Served, served
from tests.factories import Tenant, skill_body, unique
from tests.http.test_lost_answers import Stopped
from tests.postgres import Server
from tests.proxy import Proxy
from tests.reads import LOG, Ask, Place, reads, route

NAMES = tuple(BY_NAME)
Cost = tuple[int, int]
ONE: Cost = (1, 1)
"""One round trip, one statement."""

DEPENDENTS = "GET /v1/{kind}/{id}/dependents"
READS: dict[str, Cost] = {
    "GET /v1/{kind}/{id}": ONE,
    "GET /v1/{kind}/{id} version": ONE,
    # The database's clock first, which says whether the time has come.
    "GET /v1/{kind}/{id} then": (2, 2),
    "GET /v1/{kind}/by-external-id/{external_id}": ONE,
    "GET /v1/{kind}": ONE,
    "GET /v1/{kind} by tag": ONE,
    "GET /v1/{kind} by two": ONE,
    "GET /v1/{kind} by external id": ONE,
    "GET /v1/{kind} by name": ONE,
    # The clock, and behind a page that is not full how far it has looked.
    "GET /v1/{kind} then": (3, 3),
    "GET /v1/entities": ONE,
    "GET /v1/counts": ONE,
    "GET /v1/{kind}/{id}/versions": ONE,
    "GET /v1/{kind}/{id}/diff": ONE,
    "GET /v1/{kind}/{id}/amendment": ONE,
    DEPENDENTS: ONE,
    "GET /v1/governance-agents": ONE,
    "POST /v1/search": ONE,
    "POST /v1/search by vector": ONE,
    # What the tenant takes for the same.
    "POST /v1/search/duplicates": (2, 2),
    # The entity and what it is called, too.
    "POST /v1/search/duplicates of one": (4, 4),
    # The role, its skills, those near them, and who has them.
    "POST /v1/match": (4, 4),
    # Skills that are near, and who needs them.
    "POST /v1/match of skills": (2, 2),
}
"""What a request costs, by its route; of several ways to ask, of each."""

WRITES: dict[str, Cost] = {
    "POST /v1/{kind}": ONE,
    "PATCH /v1/{kind}/{id}": ONE,
    "POST /v1/{kind}/{id}/status": ONE,
    "PUT /v1/{kind}/by-external-id/{external_id}": ONE,
    "PATCH /v1/{kind}/{id}/amendment": ONE,
    "POST /v1/{kind}/{id}/amendment/status": ONE,
    "DELETE /v1/{kind}/{id}/amendment": ONE,
    "POST /v1/batch": ONE,
}
LINKS: dict[str, Cost] = {
    "PUT /v1/{kind}/{id}/skills/{skill_id}": ONE,
    "DELETE /v1/{kind}/{id}/skills/{skill_id}": ONE,
    "PUT /v1/{kind}/{id}/agents/{agent_id}": ONE,
    "DELETE /v1/{kind}/{id}/agents/{agent_id}": ONE,
}

STREAMS = {"GET /v1/exports", "POST /v1/imports"}
"""They take as many trips as there are parts."""

COMPLIANCE = "GET /v1/{kind}/{id}/compliance"
"""In one snapshot: BEGIN, the entity, each check of its kind, COMMIT."""


class Meter:
    """A service whose connections are counted, and a client of it."""

    def __init__(self, api: Api, way: Proxy, service: Served) -> None:
        self.api = api
        self.way = way
        self.service = service

    async def cost(self, ask: Ask, status: int) -> Cost:
        """Send a request, make sure of its answer, and count what went to the database."""
        trips, statements = self.way.trips, self.way.statements
        answer = await self.sent(ask)
        assert status == answer.status, (ask, answer.status, answer.body)
        return self.way.trips - trips, self.way.statements - statements

    async def sent(self, ask: Ask) -> Answer:
        """Send a request."""
        return await self.api.send(ask.method, ask.path, ask.body, headers=ask.headers)


@asynccontextmanager
async def metered(
    cluster: Server, database: str, tenant: Tenant, **settings: Any
) -> AsyncIterator[Meter]:
    """Serve with one connection for reads and one for writes; the author's key is known."""
    chosen = structs.replace(SMALL, **{"pool_max": 4, **settings})
    async with (
        Proxy.to(cluster.url("app", database)) as way,
        served(chosen, way.url, Stopped()) as service,
        Api.open(service.url, tenant) as api,
    ):
        for actor in (tenant.author, tenant.certifier):
            await api.by(actor).get("/v1/me")
        yield Meter(api, way, service)


async def place(api: Api, kind: str) -> Place:
    """Have an entity of two versions with an open amendment, and its neighbours."""
    world = await api.world()
    shared = {f"{one}_id": world[one]["id"] for one in ("job_role", "industry")}
    body: dict[str, Any] = {"external_id": unique("own"), "tags": ["t"]}
    if kind in {"team", "agent"}:
        body |= shared
    if kind == "agent":
        body |= {"team_id": world["team"]["id"], "skill_ids": [world["skill"]["id"]]}
    if kind == "job_role":
        body["required_skills"] = [{"id": world["skill"]["id"], "relation": "essential"}]
    made = await api.create(kind, **body)
    if kind == "team":
        members = {"team_id": made.json["id"], "skill_ids": [world["skill"]["id"]]}
        await api.made("agent", "active", **shared, **members)
    made = await api.raised(made, "certified")
    path = f"{PATHS[kind]}/{made.json['id']}"
    opened = await api.patch(f"{path}/amendment", {"tags": ["u"]}, made.etag)
    assert 201 == opened.status, opened.body
    return Place(
        kind=kind,
        id=made.json["id"],
        external_id=made.json["external_id"],
        name=made.json["name"],
        at=quote(made.json["updated_at"], safe=""),
        agent=str(made.json["governance_agent_id"]),
        job_role=world["job_role"]["id"],
    )


class Writes:
    """Requests that change something, each made anew: what it changes, it changes once."""

    def __init__(self, api: Api, kind: str) -> None:
        self._api = api
        self._kind = kind
        self._old: str | None = None

    @property
    def all(self) -> dict[str, tuple[int, Callable[[], Any]]]:
        """Give each by its route, with the status of its answer."""
        return {
            "POST /v1/{kind}": (201, self.create),
            "PATCH /v1/{kind}/{id}": (200, self.amend),
            "POST /v1/{kind}/{id}/status": (200, self.step),
            "PUT /v1/{kind}/by-external-id/{external_id}": (201, self.put),
            "PATCH /v1/{kind}/{id}/amendment": (201, self.propose),
            "POST /v1/{kind}/{id}/amendment/status": (200, self.review),
            "DELETE /v1/{kind}/{id}/amendment": (204, self.withdraw),
            "POST /v1/batch": (200, self.batch),
        }

    async def create(self) -> Ask:
        """Make an entity."""
        return Ask("POST", PATHS[self._kind], await self._api.body(self._kind))

    async def amend(self) -> Ask:
        """Change one."""
        path, etag = await self._made()
        return Ask("PATCH", path, {"tags": [unique("t")]}, {"If-Match": etag})

    async def step(self) -> Ask:
        """Take one a step further."""
        path, etag = await self._made()
        body = {"to": "under_review", "reason": "r"}
        return Ask("POST", f"{path}/status", body, {"If-Match": etag})

    async def put(self) -> Ask:
        """Make one by the id of its caller."""
        path = f"{PATHS[self._kind]}/by-external-id/{quote(unique('own'))}"
        return Ask("PUT", path, await self._api.body(self._kind), {"If-None-Match": "*"})

    async def propose(self) -> Ask:
        """Open an amendment."""
        path, etag = await self._in_force()
        return Ask("PATCH", f"{path}/amendment", {"tags": ["a"]}, {"If-Match": etag})

    async def review(self) -> Ask:
        """Take an amendment a step further."""
        path, etag = await self._opened()
        body = {"to": "under_review", "reason": "r"}
        return Ask("POST", f"{path}/status", body, {"If-Match": etag})

    async def withdraw(self) -> Ask:
        """Withdraw an amendment."""
        path, etag = await self._opened()
        return Ask("DELETE", path, None, {"If-Match": etag})

    async def batch(self) -> Ask:
        """Make twenty."""
        body = await self._api.body(self._kind)
        operations = [
            {"op": "create", "kind": self._kind, "body": body | {"name": unique("n")}}
            for _ in range(20)
        ]
        return Ask("POST", "/v1/batch", {"operations": operations})

    async def _made(self) -> tuple[str, str]:
        made = await self._api.create(self._kind)
        return f"{PATHS[self._kind]}/{made.json['id']}", made.etag

    async def _in_force(self) -> tuple[str, str]:
        if self._old is None:
            document = (await self._api.world())[self._kind]
            self._old = f"{PATHS[self._kind]}/{document['id']}"
        # What an earlier request has opened is in the way.
        await self._api.send("DELETE", f"{self._old}/amendment", headers={"If-Match": "*"})
        return self._old, (await self._api.get(self._old)).etag

    async def _opened(self) -> tuple[str, str]:
        path, etag = await self._in_force()
        opened = await self._api.patch(f"{path}/amendment", {"tags": ["a"]}, etag)
        assert 201 == opened.status, opened.body
        return f"{path}/amendment", opened.etag


def test_each_route_has_its_number() -> None:
    """All that need a key, but those of the log and the streams."""
    routes = {
        route(one.method, one.path)
        for one in OPERATIONS
        if one.scopes and not any(part in one.path for part in LOG)
    }
    numbered = {" ".join(name.split(" ")[:2]) for name in (*READS, *WRITES, *LINKS, COMPLIANCE)}

    assert routes == numbered | STREAMS


@pytest.mark.parametrize("kind", NAMES)
async def test_a_read_costs_what_its_route_says(
    cluster: Server, database: str, tenant: Tenant, kind: str
) -> None:
    """One trip and one statement for each that is hot; it is known why others take more."""
    async with metered(cluster, database, tenant) as meter:
        where = await place(meter.api, kind)
        asks = {name: ask for name, ask in reads(where).items() if name not in STREAMS}
        for ask in asks.values():
            await meter.cost(ask, 200)
        found = {name: await meter.cost(ask, 200) for name, ask in asks.items()}
    checks = len(CHECKS[kind]) + 3
    own = {COMPLIANCE: (checks, checks)}
    if kind != "team":
        # Nothing depends on it: it is asked whether it is there at all.
        own[DEPENDENTS] = (2, 2)

    assert READS | own == found


@pytest.mark.parametrize("kind", NAMES)
async def test_a_write_is_one_trip(
    cluster: Server, database: str, tenant: Tenant, kind: str
) -> None:
    """Each that changes an entity, its amendment, or several; with the key of a request, too."""
    found, keyed = {}, {}
    async with metered(cluster, database, tenant) as meter:
        for name, (status, made) in Writes(meter.api, kind).all.items():
            await meter.cost(await made(), status)
            found[name] = await meter.cost(await made(), status)
            ask = await made()
            headers = ask.headers | {"Idempotency-Key": unique("key").replace(" ", "-")}
            keyed[name] = await meter.cost(structs.replace(ask, headers=headers), status)

    assert WRITES == found == keyed


async def test_a_link_is_one_trip(cluster: Server, database: str, tenant: Tenant) -> None:
    """A skill of a job role, an agent of a team: put and taken away."""
    found: dict[str, Cost] = {}
    async with metered(cluster, database, tenant) as meter:
        made = {one: (await meter.api.made(one))["id"] for one in NAMES}
        pairs = (
            (f"{PATHS['job_role']}/{made['job_role']}/skills", made["skill"]),
            (f"{PATHS['team']}/{made['team']}/agents", made["agent"]),
        )
        for _ in range(2):
            for path, other in pairs:
                for method, status in (("PUT", 200), ("DELETE", 200)):
                    ask = Ask(method, f"{path}/{other}", None, {"If-Match": "*"})
                    if path.endswith("skills") and method == "PUT":
                        ask = structs.replace(ask, body={"relation": "optional"})
                    cost = await meter.cost(ask, status)
                    parts = path.rpartition("/")[2]
                    found[f"{method} /v1/{{kind}}/{{id}}/{parts}/{{{parts[:-1]}_id}}"] = cost

    assert LINKS == found


async def test_what_is_refused_costs_no_more_than_its_words(
    cluster: Server, database: str, tenant: Tenant
) -> None:
    """Nothing before it is known who asks and what; one trip for what only the rows can refuse."""
    async with metered(cluster, database, tenant) as meter:
        made = await meter.api.create("skill")
        path = f"{PATHS['skill']}/{made.json['id']}"
        same = skill_body(name=made.json["name"])
        stale = {"If-Match": '"0-0000000000000000"'}
        never = f"{PATHS['skill']}/01900000-0000-7000-8000-000000000000"
        asked: dict[str, tuple[Cost, int, Ask]] = {
            "nobody": ((0, 0), 401, Ask("GET", path, None, {"Authorization": "none"})),
            "no body": ((0, 0), 400, Ask("POST", PATHS["skill"])),
            "wrong": ((0, 0), 422, Ask("POST", PATHS["skill"], {"name": 1})),
            "no filter": ((0, 0), 400, Ask("GET", f"{PATHS['skill']}?nothing=1")),
            "no tag": ((0, 0), 428, Ask("PATCH", path, {"tags": ["t"]})),
            "not there": (ONE, 404, Ask("GET", never)),
            "not changed": (ONE, 304, Ask("GET", path, None, {"If-None-Match": made.etag})),
            "stale": (ONE, 412, Ask("PATCH", path, {"tags": ["t"]}, stale)),
            # Who has the name.
            "taken": ((2, 2), 409, Ask("POST", PATHS["skill"], same)),
        }
        for _, status, ask in asked.values():
            await meter.cost(ask, status)
        found = {name: await meter.cost(ask, status) for name, (_, status, ask) in asked.items()}

    assert {name: cost for name, (cost, _, _) in asked.items()} == found


async def test_who_asks_is_looked_up_once(
    cluster: Server, database: str, tenant: Tenant, other_tenant: Tenant
) -> None:
    """A key that is new costs a trip of its own, and no other after that."""
    async with metered(cluster, database, tenant) as meter:
        ask = Ask("GET", f"{PATHS['skill']}?limit=1")
        await meter.cost(ask, 200)
        meter.api = meter.api.of(other_tenant)
        found = [await meter.cost(ask, 200) for _ in range(2)]

    assert [(2, 2), ONE] == found


async def test_a_statement_is_prepared_once_for_a_connection(
    cluster: Server, database: str, tenant: Tenant
) -> None:
    """Its first time costs one trip more."""
    async with metered(cluster, database, tenant) as meter:
        made = await meter.api.made("skill")
        ask = Ask("GET", f"{PATHS['skill']}/{made['id']}")
        found = [await meter.cost(ask, 200) for _ in range(3)]

    assert [(2, 1), ONE, ONE] == found


@pytest.mark.parametrize("count", [2, BATCH_MAX, BATCH_MAX + 1, 3 * BATCH_MAX])
async def test_reads_that_wait_together_are_one_trip(
    cluster: Server,
    database: str,
    tenant: Tenant,
    superuser: asyncpg.Connection,
    count: int,
) -> None:
    """While one has the connection any number come: one trip for all, up to the bound of one."""
    async with metered(cluster, database, tenant, waiting_max=200, acquire_timeout_ms=5_000) as it:
        made = await it.api.made("skill")
        ask = Ask("GET", f"{PATHS['skill']}/{made['id']}")
        reads_ = it.service.repository.reads

        async def waiting() -> int:
            return reads_.statistics.waiting

        async def begun() -> int:
            return it.way.statements

        async def together() -> Cost:
            before = (it.way.trips, it.way.statements)
            async with superuser.transaction():
                await superuser.execute("LOCK TABLE app.base_entity IN ACCESS EXCLUSIVE MODE")
                first = asyncio.create_task(it.sent(ask))
                await until(begun, lambda now: now > before[1])
                others = [asyncio.create_task(it.sent(ask)) for _ in range(count)]
                await until(waiting, lambda now: now == count)
            answers = await asyncio.gather(first, *others)
            assert {200} == {one.status for one in answers}
            return it.way.trips - before[0], it.way.statements - before[1]

        # Alone and together are two statements, each prepared once.
        await it.sent(ask)
        await together()
        found = await together()

    assert (1 + -(-count // BATCH_MAX), 1 + count) == found
