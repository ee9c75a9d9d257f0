"""What is said at a request's deadline: unknown is only what was sent and may have been done."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from msgspec import structs

from service.database.pool import Pool
from service.http import batch
from service.repository.base import Repository
from tests.api import Answer, Api
from tests.bench import SMALL, unavailable
from tests.edge import Served, Wire, served
from tests.factories import Tenant, create, document, skill_body, unique
from tests.postgres import Server
from tests.sockets import answers

pytestmark = pytest.mark.database

HOLD = "SELECT FROM app.base_entity WHERE id = $1 FOR UPDATE"
DRY = {"Prefer": "tx=rollback"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(cluster: Server, database: str) -> AsyncIterator[Served]:
    """Have a service whose requests soon come to their end, before anything else does."""
    soon = structs.replace(SMALL, request_timeout_ms=500, acquire_timeout_ms=5_000)
    async with served(soon, cluster.url("app", database)) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def late(service: Served, tenant: Tenant) -> AsyncIterator[Api]:
    """Have its client, whose key it knows."""
    async with Api.open(service.url, tenant) as api:
        assert 200 == (await api.get("/v1/me")).status
        yield api


async def hold(stack: AsyncExitStack, pool: Pool) -> None:
    """Take every connection of a pool."""
    for _ in range(pool.size_max):
        await stack.enter_async_context(pool.connection())


def nothing_was_done(answer: Answer) -> None:
    """Make sure that it is 503 and says so."""
    unavailable(answer)
    assert "Nothing was done" in answer.json["detail"]


def change(how: str, identity: object) -> tuple[str, str, dict[str, Any]]:
    """Give method, path and body of a change of a skill."""
    path, patch = f"/v1/skills/{identity}", {"tags": ["changed"]}
    step = {"to": "under_review", "reason": "ready"}
    amend = {"op": "amend", "kind": "skill", "id": str(identity), "if_match": "*", "patch": patch}
    changes: dict[str, tuple[str, str, dict[str, Any]]] = {
        "patch": ("PATCH", path, patch),
        "step": ("POST", f"{path}/status", step),
        "batch": ("POST", "/v1/batch", {"operations": [amend]}),
    }
    return changes[how]


@pytest.mark.parametrize("how", ["patch", "step", "batch"])
async def test_only_what_might_be_committed_is_unknown(
    late: Api, repository: Repository, tenant: Tenant, superuser: asyncpg.Connection, how: str
) -> None:
    """The same request waits for a row, once to be done and once to be tried."""
    made = await create(repository, tenant.author, "skill", skill_body())
    method, path, body = change(how, made.id)
    async with superuser.transaction():
        await superuser.execute(HOLD, made.id)
        tried = await late.send(method, path, body, headers={"If-Match": "*", **DRY})
        sent = await late.send(method, path, body, headers={"If-Match": "*"})

    nothing_was_done(tried)
    assert (504, "outcome-unknown") == (sent.status, sent.problem)


async def test_what_waits_for_a_connection_was_not_sent(
    service: Served, late: Api, repository: Repository, tenant: Tenant
) -> None:
    """A write is told so, as a read is."""
    made = await create(repository, tenant.author, "skill", skill_body())
    async with AsyncExitStack() as stack:
        await hold(stack, service.repository.pool)
        answer = await late.patch(f"/v1/skills/{made.id}", {"tags": ["a"]}, "*")

    nothing_was_done(answer)
    found = await document(repository, tenant.author, "skill", str(made.id))
    assert found
    assert [] == found["tags"]


async def test_what_was_refused_was_not_done(
    service: Served, late: Api, repository: Repository, tenant: Tenant
) -> None:
    """Its time ends while it is looked up whose the name is."""
    name = unique("taken")
    await create(repository, tenant.author, "skill", skill_body(name=name))
    async with AsyncExitStack() as stack:
        await hold(stack, service.repository.reads)

        nothing_was_done(await late.post("/v1/skills", skill_body(name=name)))


class TestBatches:
    """Batches that had not begun."""

    async def test_one_that_waits_for_its_turn(self, service: Served, late: Api) -> None:
        """Others have all turns."""
        operation = {"op": "create", "kind": "skill", "body": skill_body()}
        async with AsyncExitStack() as stack:
            for whose in range(batch.AT_ONCE):
                turns = service.app[batch.TURNS]
                await stack.enter_async_context(turns.turn(batch.PLACES, str(whose)))

            nothing_was_done(await late.post("/v1/batch", {"operations": [operation]}))

    async def test_one_whose_body_does_not_come(self, service: Served, tenant: Tenant) -> None:
        """Half of it does."""
        headers = {"Content-Type": "application/json", "Content-Length": "100"}
        async with Wire.open(service.url) as wire:
            await wire.ask(tenant.author, "/v1/batch", "POST", headers)
            await wire.send(b'{"operations"')
            (answer,) = answers(await wire.read())

        assert (503, "unavailable") == (answer.status, answer.problem)
        assert "Nothing was done" in answer.json["detail"]
