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
from tests.factories import Tenant, make_tenant, skill_body
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
    """Another tenant's commit together, half as many at a time; of its own each by itself."""
    repository, pool = small
    held = skill_body()
    holder = await holding(repository, connect, tenant.author, held)
    first = _asked(repository, tenant, [skill_body(), skill_body()])
    own = _asked(repository, tenant, [held, skill_body()])
    others = _asked(repository, other_tenant, [skill_body() for _ in range(5)])

    await asyncio.gather(*first)
    made = [one.id for one in await asyncio.gather(*others)]
    assert 2 == len(await superuser.fetch(TRANSACTIONS, made))
    assert isinstance(await own[1], Written)
    await _outside(repository, 1)
    assert not own[0].done()
    await holder.rollback()
    assert isinstance(await own[0], Written)
    await at_rest(pool)


async def test_one_that_waits_in_a_lane_without_others_comes_once_more_and_goes_outside(
    small: tuple[Repository, Pool], connect: Connect, tenant: Tenant
) -> None:
    """It has nobody to be told apart from: twice in the lane, once outside."""
    repository, pool = small
    held = skill_body()
    holder = await holding(repository, connect, tenant.author, held)
    sent = repository.creations.sent
    first = _asked(repository, tenant, [skill_body(), skill_body()])
    (own,) = _asked(repository, tenant, [held])

    await _outside(repository, 1)
    await holder.rollback()
    await asyncio.gather(*first, own)
    assert 5 == repository.creations.sent - sent
    await at_rest(pool)


async def test_while_it_is_crowded_outside_a_tenants_go_one_by_one(
    small: tuple[Repository, Pool], connect: Connect, tenant: Tenant, other_tenant: Tenant
) -> None:
    """Each by itself, and whoever waits for nobody is done, as are other tenants'."""
    repository, pool = small
    held = skill_body()
    holder = await holding(repository, connect, tenant.author, held)
    waiting = _asked(repository, tenant, [held] * SIZE)

    await _outside(repository, SIZE)
    sent = repository.creations.sent
    more = await asyncio.gather(*_asked(repository, tenant, [skill_body() for _ in range(6)]))
    assert 6 == len({one.id for one in more}) == repository.creations.sent - sent
    await asyncio.gather(*_asked(repository, other_tenant, [skill_body() for _ in range(6)]))
    waiting += _asked(repository, tenant, [held, held])
    await _outside(repository, SIZE + 2)
    await holder.rollback()
    told = await asyncio.gather(*waiting, return_exceptions=True)
    assert 1 == sum(isinstance(one, Written) for one in told)
    assert SIZE + 1 == sum(isinstance(one, NameTaken) for one in told)
    assert 0 == repository.creations.outside
    await at_rest(pool)


async def test_who_loses_a_race_for_a_name_needs_no_place_outside(
    small: tuple[Repository, Pool],
    connect: Connect,
    tenant: Tenant,
    other_tenant: Tenant,
    owner: Repository,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It comes again when the other one's commit is over, while others have all places."""
    monkeypatch.setattr("service.database.group_commit.COMMIT_S", 1.0)
    repository, pool = small
    holders, stuck = [], []
    for each in (tenant, other_tenant):
        held = skill_body()
        holders.append(await holding(repository, connect, each.author, held))
        stuck += _asked(repository, each, [held])
    await _outside(repository, SIZE // 2)
    third, raced = await make_tenant(owner), skill_body()
    holders.append(await holding(repository, connect, third.author, raced))
    sent = repository.creations.sent
    (late,) = _asked(repository, third, [raced])

    async def back() -> int:
        return repository.creations.standing_back

    await until(back, lambda there: there == 1)
    await holders.pop().commit()
    with pytest.raises(NameTaken):
        await late
    assert 2 == repository.creations.sent - sent
    for holder in holders:
        await holder.rollback()
    await asyncio.gather(*stuck, return_exceptions=True)
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
        waiting += _asked(repository, tenant, [held])
        await _outside(repository, SIZE + 1)
        with pytest.raises(Unavailable):
            await make(repository, tenant.author, skill_body())
        assert isinstance(await make(repository, other_tenant.author, skill_body()), Written)
        await holder.rollback()
        told = await asyncio.gather(*waiting, return_exceptions=True)
        assert 1 == sum(isinstance(one, Written) for one in told)
        assert 0 == repository.creations.outside
        await at_rest(pool)
