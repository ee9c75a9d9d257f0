"""Searches and checks take turns, tenant by tenant, and hold up nobody who reads or writes."""

import asyncio
from functools import partial
from typing import Any

import pytest
from msgspec import structs

from service.repository import match, search
from service.repository.base import Query
from service.usecases.breadth import Breadth, Breadths
from service.usecases.near_skills import TOGETHER
from tests.api import Answer, Api
from tests.bench import SMALL, Bench, gauge, unavailable, until
from tests.edge import served
from tests.factories import Tenant, skill_body
from tests.postgres import Server

SETTINGS: dict[str, Any] = {"pool_max": 6, "waiting_max": 15, "acquire_timeout_ms": 10_000}
"""Two connections for reads, one of which is for searches; 16 places, 4 of them one tenant's."""

LABELS = "LOCK TABLE app.entity_label IN ACCESS EXCLUSIVE MODE"
STEPS = "LOCK TABLE app.life_cycle_step IN ACCESS EXCLUSIVE MODE"
"""Of what is looked at by checks, and by none who reads or creates."""

VECTOR = {"embedding_384": [1.0] + [0.0] * 383}
ASKED = {
    "/v1/search": VECTOR,
    "/v1/search/duplicates": {"kind": "skill", "text": "a name"},
    "/v1/match": {"skills": [{"text": "a phrase"}]},
    "/v1/%73earch": VECTOR,
    "/v1/skills?similar=refuse": skill_body(),
}


CHECKED = "/v1/skills/{}/compliance"
SLOW = dict.fromkeys(ASKED, LABELS) | dict.fromkeys((CHECKED, "/v1/skills/{}/%63ompliance"), STEPS)
"""What takes turns, and what it waits for where that is locked."""


def ask(api: Api, path: str = "/v1/search", identity: str = "") -> asyncio.Task[Answer]:
    """Begin to search, or to check an entity."""
    asked = api.post(path, ASKED[path]) if path in ASKED else api.get(path.format(identity))
    return asyncio.create_task(asked)


async def waiting(api: Api) -> int:
    """Read how many searches wait for their turn."""
    return await gauge(api, "plant_searches_waiting")


@pytest.mark.parametrize("path", SLOW)
async def test_whoever_reads_or_writes_goes_past_searches(
    cluster: Server, database: str, tenant: Tenant, other_tenant: Tenant, path: str
) -> None:
    """As many as may wait do; lists, entities and creations are answered, also of the tenant."""
    async with (
        Bench.open(cluster, database, tenant, **SETTINGS) as bench,
        bench.blocking(SLOW[path]) as session,
    ):
        made = await bench.api.made("skill")
        there = [ask(bench.api, path, made["id"])]
        await bench.waiting_backends(session, 1)
        there += [ask(bench.api, path, made["id"]) for _ in range(3)]
        await until(partial(waiting, bench.api), lambda count: count == 3)
        unavailable(await ask(bench.api, path, made["id"]))
        for api in (bench.api, bench.api.of(other_tenant)):
            assert 200 == (await api.get("/v1/skills")).status
            assert 201 == (await api.create("skill")).status
        assert 200 == (await bench.api.get(f"/v1/skills/{made['id']}")).status
        for one in there:
            one.cancel()
        await asyncio.gather(*there, return_exceptions=True)


@pytest.mark.parametrize("path", SLOW)
async def test_searches_are_counted_apart_from_reads_and_writes(
    cluster: Server, database: str, tenant: Tenant, path: str
) -> None:
    """How long they take is no measure of how long one waits who reads or writes."""
    async with (
        served(structs.replace(SMALL, **SETTINGS), cluster.url("app", database)) as service,
        Api.open(service.url, tenant) as api,
        Bench.open(cluster, database, tenant) as bench,
        bench.blocking(SLOW[path]),
    ):
        found = service.repository
        made = await api.made("skill")

        async def inside() -> tuple[int, ...]:
            gates = found.searches.entrance, found.reads.entrance, found.pool.entrance
            return tuple(gate.waiting for gate in gates)

        there = [ask(api, path, made["id"]) for _ in range(3)]
        await until(inside, lambda counts: counts == (3, 0, 0))
        for one in there:
            one.cancel()
        await asyncio.gather(*there, return_exceptions=True)


async def test_another_tenant_has_the_next_turn(
    cluster: Server, database: str, tenant: Tenant, other_tenant: Tenant
) -> None:
    """However many of the first wait before it; all are answered."""
    done: list[asyncio.Task[Answer]] = []
    async with (
        Bench.open(cluster, database, tenant, **SETTINGS) as bench,
        bench.blocking(LABELS) as session,
    ):
        there = [ask(bench.api)]
        await bench.waiting_backends(session, 1)
        there += [ask(bench.api) for _ in range(3)]
        await until(partial(waiting, bench.api), lambda count: count == 3)
        other = ask(bench.api.of(other_tenant))
        await until(partial(waiting, bench.api), lambda count: count == 4)
        for one in (*there, other):
            one.add_done_callback(done.append)
        await session.execute("ROLLBACK; BEGIN")
        answers = await asyncio.gather(*there, other)
        assert 0 == await waiting(bench.api)

    assert [200] * 5 == [one.status for one in answers]
    assert other in done[:2]


@pytest.mark.parametrize("small", [True, False])
async def test_a_match_of_many_phrases_lets_another_tenant_go_in_between(
    cluster: Server,
    database: str,
    tenant: Tenant,
    other_tenant: Tenant,
    monkeypatch: pytest.MonkeyPatch,
    small: bool,  # noqa: FBT001 - pytest's way
) -> None:
    """Whether all labels are compared or an index leads: ten phrases are one turn."""

    async def breadth(*_: Any) -> Breadth:
        return Breadth(small, 0, alone=False)

    monkeypatch.setattr(Breadths, "of", breadth)
    done: list[asyncio.Task[Answer]] = []
    async with (
        Bench.open(cluster, database, tenant, **SETTINGS) as bench,
        bench.blocking(LABELS) as session,
    ):
        phrases = [{"text": f"phrase {number}"} for number in range(3 * TOGETHER)]
        long = asyncio.create_task(bench.api.post("/v1/match", {"skills": phrases}))
        await bench.waiting_backends(session, 1)
        short = ask(bench.api.of(other_tenant), "/v1/match")
        await until(partial(waiting, bench.api), lambda count: count == 1)
        for one in (long, short):
            one.add_done_callback(done.append)
        await session.execute("ROLLBACK; BEGIN")
        answers = await asyncio.gather(long, short)

    assert [200, 200] == [one.status for one in answers]
    assert [short, long] == done


def test_every_statement_that_compares_much_takes_a_turn() -> None:
    """Those of searches and matches; what reads a few rows by a key does not."""
    found = {
        one.__name__
        for module in (search, match)
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, Query) and one.effect == "search"
    }
    assert found == {
        *("SearchBreadth", "SearchExact", "SearchNear"),
        *("MatchSkillsExact", "MatchSkillsNear", "MatchJobRoles", "MatchAgents"),
    }
