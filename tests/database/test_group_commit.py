"""Creations that go together: each is done once or not at all, and whose it is."""

import asyncio
import gc
import json
import random
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from asyncpg.transaction import Transaction

from service.catalog import statement
from service.database.batcher import BATCH_MAX
from service.database.pool import Pool
from service.errors import IdempotencyKeyReused, InvalidBody, NameTaken, OutcomeUnknown
from service.model.idempotency import remembered
from service.repository.base import Repository
from service.repository.entities import CREATE, Written
from tests.bench import until
from tests.counts import rows
from tests.database.test_batcher import LEFT, WAITING, at_rest, blocked, locked, reading
from tests.factories import Actor, Tenant, make_tenant, skill_body, unique
from tests.postgres import Server
from tests.proxy import Proxy
from tests.sessions import Connect, Connection, connections

KILL = """
SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = 'plant together' AND datname = current_database() AND state = 'active'
"""
SOON_MS = statement.TOGETHER_LOCK_MS
LEFT_ALIVE = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY ($1::int[])"
NAMES = "SELECT name FROM app.base_entity WHERE tenant_id = $1 ORDER BY name"


@pytest_asyncio.fixture(loop_scope="module")
async def together(cluster: Server, database: str) -> AsyncIterator[tuple[Repository, Pool]]:
    """Have such a repository."""
    async with reading(cluster.url("app", database)) as found:
        yield found


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let creations wait in their lanes for a table that a test has locked."""
    monkeypatch.setattr(statement, "TOGETHER_LOCK_MS", 30_000)


@pytest_asyncio.fixture(loop_scope="module")
async def connect(cluster: Server, database: str) -> AsyncIterator[Connect]:
    """Open sessions as a role."""
    async with connections(cluster, database) as opened:
        yield opened


async def killed(superuser: Connection) -> None:
    """Kill the back ends that are at work, and wait until they have gone."""
    pids = [row["pid"] for row in await superuser.fetch(KILL)]

    async def left() -> int:
        await superuser.execute("SELECT pg_stat_clear_snapshot()")
        return int(await superuser.fetchval(LEFT_ALIVE, pids))

    await until(left, lambda count: count == 0)


async def holding(
    repository: Repository, connect: Connect, actor: Actor, body: dict[str, Any]
) -> Transaction:
    """Take the name of a skill in a transaction that goes on."""
    session = await connect()
    transaction = session.transaction()
    await transaction.start()
    query = CREATE["skill"](json.dumps(body))
    await repository.one(query, actor.context, connection=session)
    return transaction


class Losing(list[str]):
    """Notes what goes out, and loses all answers from then on."""

    def __init__(self, way: Proxy) -> None:
        super().__init__()
        self._way = way

    def append(self, name: str) -> None:
        """Note it."""
        super().append(name)
        self._way.losing = True


def key(name: str, body: str) -> str:
    """Write what a request with an Idempotency-Key is remembered by."""
    return remembered(name, "POST", "/v1/skills", "", body.encode())


async def make(
    repository: Repository,
    actor: Actor,
    body: dict[str, Any],
    *,
    kind: str = "skill",
    under: str | None = None,
    sent: list[str] | None = None,
) -> Written:
    """Create as a request does; `sent` gets the name when it goes out."""
    text = json.dumps(body)
    query = CREATE[kind](text, under and key(under, text))
    return await repository.written(
        query, actor.context, lambda: None if sent is None else sent.append(body["name"])
    )


async def names(superuser: Connection, tenant: UUID) -> list[str]:
    """List what a tenant has."""
    return [row["name"] for row in await superuser.fetch(NAMES, tenant)]


async def behind(
    repository: Repository, superuser: Connection, actor: Actor, bodies: list[dict[str, Any]]
) -> list[Written | BaseException]:
    """Create the first alone, and the others behind it, in batches."""
    async with locked(superuser):
        tasks = [asyncio.create_task(make(repository, actor, body)) for body in bodies]
        await blocked(superuser)
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_each_of_many_is_its_tenants_and_is_logged_once(
    together: tuple[Repository, Pool], owner: Repository, superuser: Connection
) -> None:
    """Of several tenants in any order: document, entry and rows are of whoever sent it."""
    repository, pool = together
    tenants = [await make_tenant(owner) for _ in range(4)]
    chance = random.Random(5)
    asked = [(chance.choice(tenants), skill_body(tags=["a"])) for _ in range(300)]
    made = list[Written]()
    for start in range(0, 300, 100):
        some = asked[start : start + 100]
        made += await asyncio.gather(*(make(repository, of.author, body) for of, body in some))

    for (of, body), one in zip(asked, made, strict=True):
        document = json.loads(one.document)
        assert body["name"] == document["name"]
        assert of.author.context.governance_agent_id == document["governance_agent_id"]
    for of in tenants:
        mine = sorted(body["name"] for whose, body in asked if whose is of)
        counted = await rows(superuser, of.id)
        assert mine == sorted(await names(superuser, of.id))
        assert [len(mine)] * 4 == [
            counted.entities, counted.entries, counted.payloads, counted.links,
        ]  # fmt: skip
    assert 300 == repository.creations.read
    assert repository.creations.sent < 300 / 10
    await at_rest(pool)
    async with pool.connection() as connection:
        assert "" == await connection.fetchval(LEFT)


async def test_one_alone_goes_at_once(together: tuple[Repository, Pool], tenant: Tenant) -> None:
    """A trip and a transaction for each; nobody waits for company."""
    repository, _ = together
    for _ in range(5):
        await make(repository, tenant.author, skill_body())

    assert (5, 5) == (repository.creations.sent, repository.creations.read)


async def test_one_that_is_refused_spoils_no_other(
    together: tuple[Repository, Pool], tenant: Tenant, superuser: Connection
) -> None:
    """It meets its own refusal; all others are done, once."""
    repository, _ = together
    taken = skill_body()
    await make(repository, tenant.author, taken)
    bodies = [skill_body() for _ in range(20)]
    bodies[7] = skill_body(name=taken["name"])
    bodies[9] = skill_body(category="no category")
    found = await behind(repository, superuser, tenant.author, bodies)

    assert isinstance(found[7], NameTaken)
    assert isinstance(found[9], InvalidBody)
    assert all(isinstance(one, Written) for n, one in enumerate(found) if n not in {7, 9})
    done = {body["name"] for n, body in enumerate(bodies) if n != 9}
    assert sorted(done) == await names(superuser, tenant.id)
    assert 19 == (await rows(superuser, tenant.id)).entries


async def test_of_two_that_want_one_name_one_gets_it(
    together: tuple[Repository, Pool], tenant: Tenant, superuser: Connection
) -> None:
    """They are in one batch, and the other is told that it is taken."""
    repository, _ = together
    name = unique("skill")
    bodies = [skill_body(), skill_body(name=name), skill_body(name=name), skill_body()]
    found = await behind(repository, superuser, tenant.author, bodies)

    kinds = [type(one) for one in found]
    assert [NameTaken, Written, Written, Written] == sorted(kinds, key=lambda one: one.__name__)
    assert 1 == (await names(superuser, tenant.id)).count(name)


async def test_where_many_are_refused_little_is_done_twice(
    together: tuple[Repository, Pool], tenant: Tenant, superuser: Connection
) -> None:
    """Behind a batch with a refusal come smaller ones, which grow again."""
    repository, _ = together
    taken = skill_body()
    await make(repository, tenant.author, taken)
    await behind(repository, superuser, tenant.author, [skill_body(), taken, *_some(7)])
    # One alone, eight together, and each of the eight alone.
    assert (1 + 2 + 8, 1 + 1 + 8 + 8) == (repository.creations.sent, repository.creations.read)
    before = repository.creations.sent
    await behind(repository, superuser, tenant.author, _some(1 + 4 + 5 + 6))

    assert 4 == repository.creations.sent - before


async def test_a_batch_of_one_is_sent_once(
    together: tuple[Repository, Pool], tenant: Tenant, superuser: Connection
) -> None:
    """It was alone: its refusal is its own."""
    repository, _ = together
    taken = skill_body()
    await make(repository, tenant.author, taken)
    _, found = await behind(repository, superuser, tenant.author, [skill_body(), taken])

    assert isinstance(found, NameTaken)
    assert 3 == repository.creations.read


async def test_who_waits_for_a_name_keeps_no_other_waiting(
    cluster: Server,
    database: str,
    connect: Connect,
    tenant: Tenant,
    other_tenant: Tenant,
    superuser: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a transaction that goes on, alone in a lane or with others; it is told in the end."""
    monkeypatch.setattr(statement, "TOGETHER_LOCK_MS", SOON_MS)
    async with reading(cluster.url("app", database), pool_max=4) as (repository, pool):
        bodies = _some(3)
        holders = [await holding(repository, connect, tenant.author, body) for body in bodies]
        wanted = [*bodies, *_some(5)]
        actors = [*[tenant.author] * 3, *[other_tenant.author] * 5]
        first, second, third, *others = (
            asyncio.create_task(make(repository, actor, body))
            for actor, body in zip(actors, wanted, strict=True)
        )
        # Less than is waited for a lock outside of the lanes.
        async with asyncio.timeout(5):
            made = await asyncio.gather(*others)

        assert 5 == len(made)
        assert [False] * 3 == [one.done() for one in (first, second, third)]
        await holders[0].rollback()
        await holders[1].commit()
        await holders[2].commit()
        assert isinstance(await first, Written)
        for one in (second, third):
            with pytest.raises(NameTaken):
                await one
        assert 5 == len(await names(superuser, other_tenant.id))
        await at_rest(pool)


async def test_what_is_cut_off_is_not_done_again(
    together: tuple[Repository, Pool],
    tenant: Tenant,
    superuser: Connection,
) -> None:
    """The back end is killed with a batch: nobody knows, all are told so, and nothing is there."""
    repository, pool = together
    unheard: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, event: unheard.append(event))
    async with locked(superuser):
        tasks = [
            asyncio.create_task(make(repository, tenant.author, skill_body())) for _ in range(10)
        ]
        for _ in range(2):
            await blocked(superuser)
            await killed(superuser)
    found = await asyncio.gather(*tasks, return_exceptions=True)
    await at_rest(pool)
    gc.collect()
    asyncio.get_running_loop().set_exception_handler(None)

    assert {OutcomeUnknown} == set(map(type, found))
    assert len({id(one) for one in found}) == 10
    assert [] == await names(superuser, tenant.id)
    assert [] == unheard


async def test_what_is_committed_unheard_is_not_done_again(
    cluster: Server, database: str, tenant: Tenant, superuser: Connection
) -> None:
    """The answer to a batch is lost: all are told that nobody knows, and each is there once."""
    async with (
        Proxy.to(cluster.url("app", database)) as way,
        reading(way.url) as (repository, pool),
    ):
        # Prepared by then: what is lost is the answer to the creations themselves.
        await behind(repository, superuser, tenant.author, _some(4))
        bodies, sent = _some(6), Losing(way)
        async with locked(superuser):
            first = asyncio.create_task(make(repository, tenant.author, skill_body()))
            await blocked(superuser)
            tasks = [
                asyncio.create_task(make(repository, tenant.author, one, sent=sent))
                for one in bodies
            ]
            await until(_waiting(repository.pool), lambda waiting: waiting == 6)
        await first

        async def there() -> int:
            return len(await names(superuser, tenant.id))

        await until(there, lambda count: count == 5 + 6)
        way.cut()
        way.losing = False
        found = await asyncio.gather(*tasks, return_exceptions=True)
        await at_rest(pool)

        assert [OutcomeUnknown] * 6 == [type(one) for one in found]
        assert 5 + 6 == await there()


async def test_whoever_goes_away_unsent_is_never_done(
    together: tuple[Repository, Pool], tenant: Tenant, superuser: Connection
) -> None:
    """What waits behind a batch is dropped; what has gone out was said to be going."""
    repository, pool = together
    bodies, sent = _some(30), list[str]()
    async with locked(superuser):
        tasks = [
            asyncio.create_task(make(repository, tenant.author, body, sent=sent)) for body in bodies
        ]
        await blocked(superuser)
        for task in tasks[10:20]:
            task.cancel()
        await asyncio.wait(tasks[10:20])
    await asyncio.gather(*tasks[:10], *tasks[20:])

    stayed = [body["name"] for body in (*bodies[:10], *bodies[20:])]
    assert sorted(stayed) == sorted(sent) == await names(superuser, tenant.id)
    await at_rest(pool)


async def test_whoever_goes_away_while_it_is_written_takes_nobody_along(
    together: tuple[Repository, Pool], tenant: Tenant, superuser: Connection
) -> None:
    """What has gone out goes on without it, and is done."""
    repository, pool = together
    sent = list[str]()
    async with locked(superuser):
        first = asyncio.create_task(make(repository, tenant.author, skill_body()))
        await blocked(superuser)
        tasks = [
            asyncio.create_task(make(repository, tenant.author, body, sent=sent))
            for body in _some(8)
        ]
        await until(_waiting(pool), lambda waiting: waiting == 8)
        await killed(superuser)
        await until(_count(sent), lambda count: count == 8)
        tasks[3].cancel()
        await asyncio.wait({tasks[3]})
    await asyncio.gather(*tasks[:3], *tasks[4:])
    with pytest.raises(OutcomeUnknown):
        await first

    assert tasks[3].cancelled()
    assert sorted(sent) == await names(superuser, tenant.id)
    await at_rest(pool)


async def test_a_key_that_comes_twice_in_a_batch_is_done_once(
    together: tuple[Repository, Pool], tenant: Tenant, superuser: Connection
) -> None:
    """The other gets the first's answer; for another body it is refused."""
    repository, _ = together
    body, under = skill_body(), unique("key").replace(" ", "-")
    async with locked(superuser):
        tasks = [asyncio.create_task(make(repository, tenant.author, skill_body()))]
        await blocked(superuser)
        tasks += [
            asyncio.create_task(make(repository, tenant.author, body, under=under))
            for _ in range(3)
        ]
        await until(_waiting(repository.pool), lambda waiting: waiting == 3)
    _, *made = await asyncio.gather(*tasks)

    assert [False, True, True] == [one.replayed for one in made]
    assert 1 == len({one.document for one in made}) == len({one.audit_id for one in made})
    with pytest.raises(IdempotencyKeyReused):
        await make(repository, tenant.author, skill_body(), under=under)


async def test_a_batch_has_its_bound(
    together: tuple[Repository, Pool], tenant: Tenant, superuser: Connection
) -> None:
    """So many are one transaction, and no more."""
    repository, _ = together
    for _ in range(4):
        await behind(repository, superuser, tenant.author, _some(1 + 1))
    before = repository.creations.sent
    await behind(repository, superuser, tenant.author, _some(1 + 2 * BATCH_MAX + 2))

    assert 4 == repository.creations.sent - before


async def test_two_batches_in_each_others_way_both_come_through(
    cluster: Server, database: str, tenant: Tenant, superuser: Connection
) -> None:
    """Each wants first what the other wants last; of each name one is made, the other refused."""
    async with reading(cluster.url("app", database), pool_max=4) as (repository, pool):
        one, other = skill_body(), skill_body()
        middle = _some(2 * (BATCH_MAX - 2))
        wanted = [one, *middle[: BATCH_MAX - 2], other, other, *middle[BATCH_MAX - 2 :], one]
        async with locked(superuser):
            first = [
                asyncio.create_task(make(repository, tenant.author, body)) for body in _some(2)
            ]
            await until(_waiting_for_locks(superuser), lambda count: count == 2)
            tasks = [asyncio.create_task(make(repository, tenant.author, body)) for body in wanted]
            await until(_waiting(pool), lambda waiting: waiting == len(wanted))
        await asyncio.gather(*first)
        found = await asyncio.gather(*tasks, return_exceptions=True)

        assert {Written, NameTaken} == set(map(type, found))
        assert 2 == sum(isinstance(each, NameTaken) for each in found)
        assert 2 + len(wanted) - 2 == len(set(await names(superuser, tenant.id)))
        assert 2 + len(wanted) - 2 == (await rows(superuser, tenant.id)).entries
        await at_rest(pool)


def test_who_locks_what_others_change_goes_alone() -> None:
    """A new agent locks its team, in an order of its own: two batches could wait for each other."""
    assert {"agent"} == {kind for kind, query in CREATE.items() if query.effect != "creation"}


def _some(count: int) -> list[dict[str, Any]]:
    return [skill_body() for _ in range(count)]


def _count(sent: list[str]):  # type: ignore[no-untyped-def] # noqa: ANN202 - a coroutine function
    async def found() -> int:
        return len(sent)

    return found


def _waiting_for_locks(superuser: Connection):  # type: ignore[no-untyped-def] # noqa: ANN202
    async def found() -> int:
        await superuser.execute("SELECT pg_stat_clear_snapshot()")
        return int(await superuser.fetchval(WAITING))

    return found


def _waiting(pool: Pool):  # type: ignore[no-untyped-def] # noqa: ANN202 - a coroutine function
    async def found() -> int:
        return pool.statistics.waiting

    return found
