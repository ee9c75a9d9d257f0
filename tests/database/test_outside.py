"""Creations that wait for a name: what becomes of those that they came with, and come after."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from service.database.pool import Pool
from service.errors import NameTaken, Unavailable
from service.repository.base import Repository
from service.repository.entities import Written
from tests.bench import until
from tests.database.test_batcher import at_rest, reading
from tests.database.test_group_commit import holding, make
from tests.factories import Tenant, skill_body
from tests.postgres import Server
from tests.sessions import Connect, Connection, connections

pytestmark = pytest.mark.database

SIZE = 4
"""Connections: two lanes, two places outside."""

SETTINGS = {"pool_max": SIZE, "acquire_timeout_ms": 3_000}

TRANSACTIONS = """
SELECT DISTINCT base_entity.xmin::text FROM app.base_entity WHERE base_entity.id = ANY ($1::uuid[])
"""


@pytest_asyncio.fixture(loop_scope="module")
async def connect(cluster: Server, database: str) -> AsyncIterator[Connect]:
    """Open sessions as a role."""
    async with connections(cluster, database) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def small(cluster: Server, database: str) -> AsyncIterator[tuple[Repository, Pool]]:
    """Have a repository of so many connections."""
    async with reading(cluster.url("app", database), **SETTINGS) as found:
        yield found


def _asked(
    repository: Repository, tenant: Tenant, bodies: list[dict[str, Any]]
) -> list[asyncio.Task[Written]]:
    return [asyncio.create_task(make(repository, tenant.author, body)) for body in bodies]


async def _outside(repository: Repository, count: int) -> None:
    """Wait until so many wait outside."""

    async def found() -> int:
        return repository.creations.outside

    await until(found, lambda there: there == count)


async def test_a_batch_in_which_one_waits_is_done_again_tenant_by_tenant(
    small: tuple[Repository, Pool],
    connect: Connect,
    tenant: Tenant,
    other_tenant: Tenant,
    superuser: Connection,
) -> None:
    """Another tenant's commit together, half as many at a time; its own wait on with it."""
    repository, pool = small
    held = skill_body()
    holder = await holding(repository, connect, tenant.author, held)
    first = _asked(repository, tenant, [skill_body(), skill_body()])
    own = _asked(repository, tenant, [held, skill_body()])
    others = _asked(repository, other_tenant, [skill_body() for _ in range(5)])

    await asyncio.gather(*first)
    made = [one.id for one in await asyncio.gather(*others)]
    assert 2 == len(await superuser.fetch(TRANSACTIONS, made))
    assert 2 == repository.creations.outside
    await holder.rollback()
    assert 2 == len({one.id for one in await asyncio.gather(*own)})
    await at_rest(pool)


async def test_one_that_waits_in_a_lane_without_others_goes_outside_at_once(
    small: tuple[Repository, Pool], connect: Connect, tenant: Tenant
) -> None:
    """It has nobody to be told apart from: once in the lane, once outside."""
    repository, pool = small
    held = skill_body()
    holder = await holding(repository, connect, tenant.author, held)
    sent = repository.creations.sent
    first = _asked(repository, tenant, [skill_body(), skill_body()])
    (own,) = _asked(repository, tenant, [held])

    await _outside(repository, 1)
    await holder.rollback()
    await asyncio.gather(*first, own)
    assert 4 == repository.creations.sent - sent
    await at_rest(pool)


async def test_while_it_is_crowded_outside_a_tenants_take_no_lane(
    small: tuple[Repository, Pool], connect: Connect, tenant: Tenant, other_tenant: Tenant
) -> None:
    """They wait unsent, whatever they create; what another tenant creates is created."""
    repository, pool = small
    held = skill_body()
    holder = await holding(repository, connect, tenant.author, held)
    waiting = _asked(repository, tenant, [held] * SIZE)

    await _outside(repository, SIZE)
    sent = repository.creations.sent
    waiting += _asked(repository, tenant, [held, held])
    more = _asked(repository, tenant, [skill_body(), skill_body()])
    await _outside(repository, SIZE + 4)
    assert sent == repository.creations.sent
    assert isinstance(await make(repository, other_tenant.author, skill_body()), Written)
    assert sent + 1 == repository.creations.sent
    await holder.rollback()
    told = await asyncio.gather(*waiting, return_exceptions=True)
    assert 1 == sum(isinstance(one, Written) for one in told)
    assert SIZE + 1 == sum(isinstance(one, NameTaken) for one in told)
    assert 2 == len({one.id for one in await asyncio.gather(*more)})
    assert 0 == repository.creations.outside
    await at_rest(pool)


async def test_of_those_who_may_wait_a_quarter_is_one_tenants(
    cluster: Server, database: str, connect: Connect, tenant: Tenant, other_tenant: Tenant
) -> None:
    """Who is one more is refused at once, and nobody of another tenant."""
    url = cluster.url("app", database)
    async with reading(url, waiting_max=4 * SIZE + 4, **SETTINGS) as (repository, pool):
        held = skill_body()
        holder = await holding(repository, connect, tenant.author, held)
        waiting = _asked(repository, tenant, [held] * SIZE)

        await _outside(repository, SIZE)
        (last,) = _asked(repository, tenant, [skill_body()])
        await _outside(repository, SIZE + 1)
        with pytest.raises(Unavailable):
            await make(repository, tenant.author, skill_body())
        assert isinstance(await make(repository, other_tenant.author, skill_body()), Written)
        await holder.rollback()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(await last, Written)
        assert 0 == repository.creations.outside
        await at_rest(pool)
