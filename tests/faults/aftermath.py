"""What holds after every fault: no connection lost, no setting left, no write lost or halved."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import asyncpg
from msgspec import structs

from service.database.pool import Pool
from service.repository.base import Repository
from service.settings import Settings
from tests.api import Answer, Api
from tests.bench import SMALL, pool_metrics, until
from tests.edge import Served, served
from tests.factories import Tenant, skill_body, unique
from tests.leftovers import leftovers
from tests.postgres import Server

STORED = """
SELECT
    base_entity.name,
    (SELECT count(*) FROM audit.entry WHERE entry.entity_id = base_entity.id) AS entries,
    (
        SELECT count(*)
        FROM audit.entry
        INNER JOIN audit.payload USING (tenant_id, audit_id)
        WHERE entry.entity_id = base_entity.id
    ) AS payloads,
    (SELECT count(*) FROM app.skill_entity WHERE skill_entity.id = base_entity.id) AS kinds,
    (SELECT count(*) FROM app.entity_tag WHERE entity_tag.entity_id = base_entity.id) AS tags
FROM app.base_entity
WHERE base_entity.tenant_id = $1
"""
WHOLE = (1, 1, 1, 1)
BACKENDS = """
SELECT application_name, state FROM pg_stat_activity
WHERE datname = $1 AND application_name LIKE 'plant app%'
"""


class Scene:
    """A service, the writes that were sent to it, and what became of them."""

    def __init__(self, api: Api, service: Served, cluster: Server, database: str) -> None:
        self.api = api
        self._cluster = cluster
        self._database = database
        self.repository: Repository = service.repository
        self._sent: dict[str, int | None] = {}

    async def create(
        self, name: str | None = None, key: str | None = None, **fields: Any
    ) -> Answer:
        """Create a skill with one tag, and remember what was said to it."""
        body = skill_body(name=name or unique("sent"), tags=["t"], **fields)
        self._sent[body["name"]] = None
        headers = {"Idempotency-Key": key}
        answer = await self.api.send("POST", "/v1/skills", body, headers=headers)
        self._sent[body["name"]] = answer.status
        return answer

    async def whole(self) -> None:
        """Make sure that everything is as if there had been no fault, and works."""
        await self.works()
        await self._stored()
        await self._pools()
        for pool in {self.repository.pool, self.repository.reads}:
            await self._unmarked(pool)

    async def works(self) -> None:
        """Wait until a write and a read are served again."""
        made = await until(self.create, lambda answer: answer.status == 201)
        found = await self.api.get(f"/v1/skills/{made.json['id']}")
        assert (200, made.body) == (found.status, found.body)

    async def connected(self) -> int:
        """Count the connections that the service believes to have."""
        return sum(pool.statistics.size for pool in {self.repository.pool, self.repository.reads})

    async def superuser(self) -> asyncpg.Connection:
        """Connect as superuser, past service and proxy; it has to be closed."""
        return await asyncpg.connect(self._cluster.url("superuser", self._database))

    async def _stored(self) -> None:
        """Acknowledged is there once, refused is not, unknown is whole or not there."""
        session = await self.superuser()
        try:
            rows = await session.fetch(STORED, self.api.tenant.id)
        finally:
            await session.close()
        stored = {row["name"]: tuple(row)[1:] for row in rows}
        assert len(rows) == len(stored), "something was done twice"
        for name, status in self._sent.items():
            expected: dict[int | None, list[Any]] = {201: [WHOLE], 503: [None]}
            assert stored.get(name) in expected.get(status, [WHOLE, None]), (status, name)

    async def _pools(self) -> None:
        """What the metrics say of the pools is what the server sees, and nothing is lent."""
        session = await self.superuser()

        async def told_and_seen() -> tuple[Any, Any]:
            told = {}
            for name in ("write", "read"):
                found = await pool_metrics(self.api, name)
                told[f"plant app {name}"] = found["idle"]
                assert 0 == found["plant_pool_waiting"]
                if found["in_use"]:
                    return found, None
            rows = await session.fetch(BACKENDS, self._database)
            seen = dict.fromkeys(told, 0.0)
            for row in rows:
                seen[row["application_name"]] += row["state"] == "idle" or 1000
            return told, seen

        try:
            await until(told_and_seen, lambda pair: pair[0] == pair[1])
        finally:
            await session.close()

    async def _unmarked(self, pool: Pool) -> None:
        """No session of a pool remembers for whom it worked, or how long that might take."""
        async with AsyncExitStack() as stack:
            lent = [
                await stack.enter_async_context(pool.connection()) for _ in range(pool.size_max)
            ]
            for connection in lent:
                assert [] == await leftovers(connection)


@asynccontextmanager
async def scene(
    cluster: Server, database: str, tenant: Tenant, url: str | None = None, **settings: Any
) -> AsyncIterator[Scene]:
    """Serve with few connections, which lead to this address; the author's key is known."""
    chosen: Settings = structs.replace(SMALL, **settings)
    async with (
        served(chosen, url or cluster.url("app", database)) as service,
        Api.open(service.url, tenant) as api,
    ):
        found = Scene(api, service, cluster, database)
        await found.works()
        yield found


async def ended(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait until it is over."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
