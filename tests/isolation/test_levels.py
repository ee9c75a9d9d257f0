"""The level that a statement's header names is the one that it runs at in the service.

The service is driven through every statement it has, over HTTP and by what its commands call. As
each statement leaves, the session that it goes to is asked for its level.
"""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import asyncpg
import pytest
from msgspec import structs

from service.catalog.load import Catalog
from service.database.pool import Isolation, Pool
from service.database.target import Target
from service.doctor.look import look
from service.labelling.background import Labelling
from service.labelling.partition import OwnPartition, Wanted
from service.labelling.standing import LabelStanding
from service.repository.base import Repository
from service.repository.keys import (
    KeyRevoke,
    KeysAuthenticate,
    KeysList,
    TenantsList,
    TokenAuthenticate,
)
from service.repository.labels import LabelCount, LabelSample
from service.repository.replica import ReplicaPosition
from service.repository.search import TenantSimilarByName, TenantSimilarSet
from service.settings import Settings
from service.usecases import importing
from service.usecases.keys import create_key, rotate_key
from service.usecases.match import match_agents
from service.usecases.pruning import archived, prunable, pruned
from service.usecases.tidying import tidy
from service.verify import clock
from service.verify.database import verify_database
from service.verify.evidence import pinned_of
from service.verify.question import Question
from tests.api import PATHS, Api, serving
from tests.attacks.levels import unseen
from tests.erasing import erased
from tests.factories import create, make_tenant, skill_body, unique
from tests.http.test_lists import Stock
from tests.imports import line, ndjson
from tests.isolation.acts import see, skill
from tests.isolation.arena import Arena, opened
from tests.labelling.ground import Counted, building
from tests.labelling.ground import worker as labelling
from tests.labels import embed
from tests.matching import near_skills
from tests.postgres import Server
from tests.restoring import VECTOR, exported, make_empty, named, restored
from tests.sealing.ground import Process
from tests.sealing.witness import witnessing
from tests.sessions import Connection, connections

pytestmark = pytest.mark.database

BATCH = 200


class Seen:
    """The levels that each statement was seen at."""

    def __init__(self, catalog: Catalog) -> None:
        self.levels: dict[str, set[str]] = defaultdict(set)
        self._functions = {f"q.{one.function}(": one.name for one in catalog.values()}
        self._texts = {one.text: one.name for one in catalog.values() if one.call == "text"}

    def name(self, query: str) -> str | None:
        """Tell which statement of the catalogue a text runs."""
        calls = (name for call, name in self._functions.items() if call in query)
        return self._texts.get(query) or next(calls, None)


@pytest.fixture
def seen(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> Seen:
    """Look at the level of each statement of the catalogue before it is sent."""
    found = Seen(catalog)
    fetch, fetchmany = asyncpg.Connection.fetch, asyncpg.Connection.fetchmany

    async def look(self: Any, query: str) -> None:
        if name := found.name(query):
            (row,) = await fetch(self, "SHOW transaction_isolation")
            found.levels[name].add(row[0])

    async def looked(self: Any, query: str, *arguments: Any, **how: Any) -> Any:
        await look(self, query)
        return await fetch(self, query, *arguments, **how)

    async def many_looked(self: Any, query: str, *arguments: Any, **how: Any) -> Any:
        await look(self, query)
        return await fetchmany(self, query, *arguments, **how)

    monkeypatch.setattr(asyncpg.Connection, "fetch", looked)
    monkeypatch.setattr(asyncpg.Connection, "fetchmany", many_looked)
    return found


async def browse(api: Api) -> None:
    """Ask for every list: each filter alone, with another, and as of a time."""
    stock = await Stock.make(api)
    for kind, path in PATHS.items():
        filters = stock.filters(kind)
        queries: list[dict[str, str]] = [{}, {"status": "draft"}]
        queries += [{name: one} for name, (one, _) in filters.items()]
        queries += [{name: one, "status": "draft"} for name, (one, _) in filters.items()]
        for query in queries:
            answer = await api.get(f"{path}?{urlencode(query)}")
            assert 200 == answer.status, answer.body
    moment = stock.documents["skill"][-1]["created_at"]
    for query in ({}, {"status": "draft"}):
        await api.get(f"/v1/skills?{urlencode({**query, 'as_of': moment})}")


async def live(api: Api) -> None:
    """Have one of each kind in force, read it in every way, and amend it."""
    for kind, document in (await api.world()).items():
        path = f"{PATHS[kind]}/{document['id']}"
        for asked in ("", "?version=1", f"?as_of={document['created_at']}", "/versions",
                      "/diff?from=1&to=2", "/compliance"):  # fmt: skip
            answer = await api.get(path + asked)
            assert 200 == answer.status, answer.body
        etag = (await api.get(path)).etag
        assert 200 == (await api.patch(path, {"tags": ["t"]}, etag)).status
    amended = f"{PATHS['skill']}/{(await api.made('skill', 'active'))['id']}"
    etag = (await api.get(amended)).etag
    opened = await api.patch(f"{amended}/amendment", {"description": "new"}, etag)
    await api.step(f"{amended}/amendment", "under_review", opened.etag)
    assert 200 == (await api.get(f"{amended}/amendment")).status
    for asked in ("", f"?amendment_id={opened.json['amendment_id']}"):
        assert 202 == (await api.get(f"{amended}/amendment/receipt{asked}")).status
    await tie(api)
    await api.get(f"/v1/entities?id={amended.rpartition('/')[2]}")
    await api.get("/v1/counts")
    await api.get(f"/v1/governance-agents?id={api.actor.context.governance_agent_id}")
    await api.get("/v1/exports?format=entities")
    await api.get("/readyz")


async def tie(api: Api) -> None:
    """Link, find what is linked, and write by one's own id and in a batch."""
    made, other = await api.create("agent"), await api.made("skill")
    path, headers = f"/v1/agents/{made.json['id']}", {"If-Match": "*"}
    answers = [
        await api.send("PUT", f"{path}/skills/{other['id']}", headers=headers),
        await api.get(f"/v1/skills/{other['id']}/dependents"),
        await api.send(
            "PUT", "/v1/skills/by-external-id/x", skill_body(), headers={"If-None-Match": "*"}
        ),
        await api.get("/v1/skills/by-external-id/x"),
        await api.post(
            "/v1/batch", {"operations": [{"op": "create", "kind": "skill", "body": skill_body()}]}
        ),
    ]
    assert {200, 201} == {answer.status for answer in answers}


async def meet(api: Api) -> None:
    """Ask for what is taken already: by its name, its own id and its code."""
    for kind, fields in (
        ("skill", {"name": unique("n")}),
        ("skill", {"external_id": unique("e")}),
        ("industry", {"scheme": "NACE", "code": "A", "level": 1}),
    ):
        one, two = [await api.create(kind, **fields) for _ in range(2)]
        assert (201, 409) == (one.status, two.status), two.body


async def bring(api: Api) -> None:
    """Import, with a look for what is absent and with its archiving."""
    for asked in ("", "?absent=report", "?absent=archive"):
        raw = ndjson([line("skill", f"a:{number}") for number in range(30 - len(asked))])
        answer = await api.send(
            "POST", f"/v1/imports{asked}", raw=raw, headers={"Content-Type": "application/x-ndjson"}
        )
        assert 200 == answer.status, answer.body


async def find(api: Api, superuser: Connection) -> None:
    """Search, and ask for duplicates and pairs; the service goes along the indexes first."""
    one = (await api.made("skill"))["id"]
    await api.made("skill")
    await embed(superuser, api.tenant.id, model=None)
    for path, body in (
        ("", {"text": "a"}),
        ("/duplicates", {"id": one}),
        ("/duplicates", {"kind": "skill", "min_score": -1}),
    ):
        answer = await api.post(f"/v1/search{path}", body)
        assert 200 == answer.status, answer.body


async def fit(api: Api, repository: Repository) -> None:
    """Match both ways, comparing all skills and going along the indexes."""
    world = await api.world()
    role, skill = world["job_role"]["id"], world["skill"]["id"]
    for body in ({"job_role_id": role}, {"skills": [{"id": skill}, {"text": "a phrase"}]}):
        answer = await api.post("/v1/match", body)
        assert 200 == answer.status, answer.body
    along = near_skills(exact_max=-1)
    await match_agents(along, repository, api.actor.context, role, 1)


async def keep(settings: Settings, owner: Repository, worker: Repository) -> None:
    """Do what commands do: keys, tenants, tidying, the doctor with a replica to look at."""
    name = unique("t").replace(" ", "-")
    made = await create_key(owner, name, "agent", ["read"])
    await create_key(owner, name, "agent", ["read"], existing=True)
    rotated = await rotate_key(owner, made.key_id, None, timedelta(hours=1))
    await owner.maybe(KeyRevoke(rotated.key_id), writes=True)
    await owner.many(KeysList(name))
    await owner.many(TenantsList())
    await owner.maybe(TenantSimilarSet(name, 0.9), writes=True)
    await owner.maybe(TenantSimilarByName(name))
    await owner.one(ReplicaPosition())
    await tidy(worker)
    await look(settings, Target(settings))


async def give_back(repository: Repository, owner: Repository) -> None:
    """Restore into an empty tenant what was exported of another one."""
    tenant, into = await make_tenant(owner), await make_empty(owner)
    await create(repository, tenant.author, "skill", skill_body(embedding_384=VECTOR))
    stream = await exported(repository, tenant.author.context)
    assert 1 == await restored(repository, into, stream, named(tenant))


async def seal(cluster: Server, database: str, settings: Settings, arena: Arena) -> None:
    """Be the leader of the log, with a witness, end, and begin again where it was left."""
    for _ in range(2):
        process = Process(cluster, database, settings)
        await process.lone.open()
        try:
            await process.leads()
            written = await arena.superuser.fetchval("SELECT count(*) FROM audit.entry")
            await process.until_sealed(written)
            await skill(arena)
            await process.until_sealed(written + 1)
            async with witnessing() as witness:
                process.watch(witness)
                await process.until_cosigned()
        finally:
            await process.lone.close()


async def label(cluster: Server, database: str, settings: Settings, arena: Arena) -> None:
    """Embed everybody's labels, as a service and as the commands do it."""
    async with labelling(cluster, database, settings) as found:
        vectors = Counted()
        await Labelling(found.repository, found.lone, vectors, LabelStanding()).turn()
        await found.embedded(arena.tenant, vectors)
        count = LabelCount(arena.tenant.id, vectors.model, vectors.words)
        await found.repository.one(count, connection=found.lone.connection)
        sample = LabelSample(arena.tenant.id, 0, 5)
        await found.repository.many(sample, connection=found.lone.connection)
        async with building(cluster, database, settings) as lone:
            own = OwnPartition(found.repository, lone, arena.tenant.id, str)
            assert not await own.there()
            await own.isolated()
            await own.embedded(Wanted(vectors, 0), abs)


async def prove(api: Api) -> None:
    """Ask for everything that proves something: checkpoint, tiles, consistency, receipts."""
    made = (await api.get("/v1/skills?limit=1")).json["items"][0]["id"]
    size = int((await api.get("/v1/audit/checkpoint")).body.split(b"\n")[1])
    for path in (
        f"/v1/audit/tile/0/000.p/{min(size, 255)}",
        f"/v1/audit/consistency?from=1&to={size}",
        f"/v1/audit/consistency?from=1&to={size - 1}",
        "/v1/audit/entries",
        f"/v1/skills/{made}/receipt",
        "/v1/exports?format=proof",
    ):
        answer = await api.get(path)
        assert 200 == answer.status, (path, answer.body)


async def check(worker: Repository, settings: Settings, tenant: UUID) -> None:
    """Verify all of it, looking at every time, and one tenant's part."""
    pinned = pinned_of(settings, [])
    for question in (Question(pinned), Question(pinned, tenant=str(tenant))):
        verdict = await verify_database(worker, question, unseen)
        assert set(verdict.damages) <= {"clock"}, verdict.findings


async def shorten(owner: Repository, worker: Repository, tenant: UUID) -> None:
    """Prune the log of a tenant, without a file."""
    end = await prunable(worker, tenant, None, datetime.now(UTC))
    assert end
    async for _ in archived(worker, tenant, end):
        pass
    async for _ in pruned(owner, tenant, end, "archive", bytes(32)):
        pass


async def test_each_statement_runs_at_the_level_that_it_names(
    arena: Arena, cluster: Server, database: str, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exports and compliance at REPEATABLE READ, everything else at READ COMMITTED, all of it."""
    monkeypatch.setattr(importing, "LARGE", 10)
    monkeypatch.setattr(clock, "TOLERANCE_US", -(2**62))
    catalog = arena.repository.catalog
    urls = {
        f"{role}_database_url": cluster.url(role, database)
        for role in ("app", "worker", "readonly")
    }
    told = structs.replace(
        arena.settings, database_url=cluster.url("owner", database), search_exact_max=0, **urls
    )
    worker = Pool(cluster.url("worker", database), told, name="worker")
    async with (
        opened(worker),
        serving(told, arena.url) as url,
        Api.open(url, arena.tenant) as api,
    ):
        for drive in (browse, live, meet, bring):
            await drive(api)
        await find(api, arena.superuser)
        await fit(api, arena.repository)
        await arena.repository.maybe(TokenAuthenticate("i", "t", "a", ["read"]))
        # Keys in use are asked for together when they have been for some seconds.
        await arena.repository.many(KeysAuthenticate([bytes(32)]))
        await keep(told, arena.owner, Repository(catalog, worker))
        await give_back(arena.repository, arena.owner)
        await erased(arena.repository, arena.tenant.author, "skill", await skill(arena))
        await seal(cluster, database, told, arena)
        await label(cluster, database, told, arena)
        await prove(api)
        await check(Repository(catalog, worker), told, arena.tenant.id)
        await shorten(arena.owner, Repository(catalog, worker), arena.tenant.id)
    headers = {name: {one.isolation} for name, one in catalog.items()}
    # An export asks for it in its own snapshot; alone it needs none.
    for name in ("proof_checkpoint", "proof_tiles"):
        headers[name].add("repeatable read")

    assert headers == dict(seen.levels)
    assert {"read committed", "repeatable read"} == {one.isolation for one in catalog.values()}


@pytest.mark.parametrize(
    "asked,level",
    [
        ("read_committed", "read committed"),
        ("repeatable_read", "repeatable read"),
        ("serializable", "serializable"),
    ],
)
async def test_a_transaction_has_the_level_that_is_asked_for(
    arena: Arena, seen: Seen, asked: Isolation, level: str
) -> None:
    """Of the session, and of a statement of the catalogue that is sent in it."""
    identity = await skill(arena)
    seen.levels.clear()
    async with arena.pool.transaction(isolation=asked) as connection:
        within = await connection.fetchval("SHOW transaction_isolation")
        await see(arena, "skill", identity, connection)

    assert level == within
    assert {"entity_by_id": {level}} == dict(seen.levels)


async def test_what_asks_for_no_level_has_the_lowest(
    arena: Arena, cluster: Server, database: str
) -> None:
    """Whatever the database's own default is: the pool says it for each session."""
    default = "ALTER DATABASE {} {} default_transaction_isolation"
    await arena.superuser.execute(f"{default.format(database, 'SET')} = 'serializable'")
    levels = []
    try:
        async with opened(Pool(arena.url, arena.settings, name="late")) as pool:
            for lend in (pool.connection, pool.transaction, pool.rehearsal):
                async with lend() as connection:
                    levels.append(await connection.fetchval("SHOW transaction_isolation"))
        async with connections(cluster, database) as connect:
            plain = await (await connect()).fetchval("SHOW transaction_isolation")
    finally:
        await arena.superuser.execute(default.format(database, "RESET"))

    assert ["read committed"] * 3 == levels
    assert "serializable" == plain
