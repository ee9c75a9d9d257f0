"""Remembered answers seen from the database: by hand, by two sessions at once, and when they go."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from service.catalog.load import Catalog
from service.database.lone import Lone
from service.database.pool import Pool
from service.model.idempotency import remembered
from service.repository.base import Repository
from service.repository.idempotency import IdempotencyExpire
from service.sealing.background import Background
from service.sealing.desk import Desk
from service.sealing.standing import Standing
from service.settings import Settings
from service.usecases import tidying
from service.usecases.tidying import tidy
from tests.bench import until
from tests.counts import rows
from tests.factories import Actor, Tenant, create, skill_body
from tests.postgres import Server
from tests.proxy import Proxy
from tests.sessions import (
    Connect,
    Connection,
    Savepoint,
    acting,
    become,
    connections,
    pid,
    until_blocked,
)

pytestmark = pytest.mark.database

CREATE = "SELECT (made).* FROM (SELECT app.create_once('skill', $1, $2) AS made OFFSET 0) AS once"
ASK = "SELECT * FROM app.remembered($1)"
KEEP = "SELECT app.remember($1, 201, ARRAY[$2::uuid])"
KEPT = "SELECT count(*) FROM app.idempotency WHERE tenant_id = $1"
AGE = "UPDATE app.idempotency SET created_at = now() - $2::interval WHERE tenant_id = $1"
PLANT = """
INSERT INTO app.idempotency
SELECT $1, $2, 'POST', '/v1/skills', 'k' || number, sha256('k'), 201, '{}', now() - $4::interval
FROM generate_series(1, $3) AS number
"""
NEVER = "01900000-0000-7000-8000-000000000000"
EXPIRED = timedelta(hours=24)
YOUNG = timedelta(hours=23, minutes=59)


@pytest_asyncio.fixture(loop_scope="module")
async def connect(cluster: Server, database: str) -> AsyncIterator[Connect]:
    """Open sessions as a role; a test that waits for what never comes fails by their timeout."""
    async with connections(cluster, database) as opened:

        async def impatient(role: str = "app") -> Connection:
            session = await opened(role)
            await session.execute("SET lock_timeout = '20s'")
            return session

        yield impatient


@pytest_asyncio.fixture(loop_scope="module")
async def worker(
    cluster: Server, database: str, catalog: Catalog, settings: Settings
) -> AsyncIterator[Repository]:
    """Run statements as plant_worker."""
    pool = Pool(cluster.url("worker", database), settings, name="worker")
    await pool.open()
    yield Repository(catalog, pool)
    await pool.close()


def request(key: str = "k", body: bytes = b"{}", path: str = "/v1/skills") -> str:
    """Write a request under a key."""
    return remembered(key, "POST", path, "", body)


async def row(session: Connection, statement: str, *arguments: object) -> asyncpg.Record:
    """Give the one row of an answer."""
    found: list[asyncpg.Record] = await session.fetch(statement, *arguments)
    assert 1 == len(found)
    return found[0]


def agent(actor: Actor) -> str:
    """Give the id of an actor's governance agent."""
    return actor.context.governance_agent_id


async def planted(
    superuser: Connection, tenant: Tenant, count: int, age: timedelta = EXPIRED
) -> None:
    """Plant answers of an age."""
    await superuser.execute(PLANT, tenant.id, UUID(agent(tenant.author)), count, age)


class TestByHand:
    """What the functions do for who types them."""

    @pytest.mark.parametrize("none", [None, "null"])
    async def test_without_a_key_nothing_is_asked_or_kept(
        self, connect: Connect, tenant: Tenant, superuser: Connection, none: str | None
    ) -> None:
        """NULL, and the JSON null that psql can bind."""
        session = await connect()
        for _ in range(2):
            async with acting(session, tenant.author):
                made = await row(session, CREATE, json.dumps(skill_body()), none)
                assert (201, False) == (made["status"], made["replayed"])

        assert 0 == await superuser.fetchval(KEPT, tenant.id)

    @pytest.mark.parametrize("odd", ["{}", '"k"', "[]", "1", '{"key": "k", "method": "POST"}'])
    async def test_a_request_that_is_none_does_nothing(
        self, connect: Connect, tenant: Tenant, superuser: Connection, odd: str
    ) -> None:
        """It is refused, not taken for one without a key."""
        session = await connect()
        async with acting(session, tenant.author):
            state = await Savepoint(session).state(CREATE, json.dumps(skill_body()), odd)
        assert state in {"23502", "22023"}

        assert 0 == (await rows(superuser, tenant.id)).entities

    async def test_only_what_one_s_own_agent_wrote_is_answered(
        self, connect: Connect, tenant: Tenant, other_tenant: Tenant, repository: Repository
    ) -> None:
        """Entries of others, put under a key by hand, are as good as none."""
        drafts = [
            await create(repository, actor, "skill", skill_body())
            for actor in (tenant.certifier, other_tenant.author)
        ]
        own = await create(repository, tenant.author, "skill", skill_body())
        session = await connect()
        async with acting(session, tenant.author):
            states = []
            for number, made in enumerate((*drafts, own)):
                await session.execute(KEEP, request(f"k{number}"), made.audit_id)
                states.append(await Savepoint(session).state(ASK, request(f"k{number}")))
            found = await row(session, ASK, request("k2"))

        assert ["PL001", "PL001", None] == states
        assert (own.id, own.document, own.etag) == (found["id"], found["document"], found["etag"])
        assert (own.entry_hash, 201, True) == tuple(found)[5:]

    async def test_of_another_agent_no_key_is_known(
        self, connect: Connect, tenant: Tenant, other_tenant: Tenant, repository: Repository
    ) -> None:
        """The rows of a governance agent are its own, whoever asks through the function."""
        made = await create(repository, tenant.author, "skill", skill_body())
        session = await connect()
        async with acting(session, tenant.author):
            await session.execute(KEEP, request(), made.audit_id)
        for actor in (tenant.certifier, other_tenant.author):
            async with acting(session, actor):
                assert [] == await session.fetch(ASK, request())
        async with acting(session, tenant.author):
            assert 1 == len(await session.fetch(ASK, request()))

    async def test_what_is_remembered_is_not_written_over(
        self, connect: Connect, tenant: Tenant, repository: Repository
    ) -> None:
        """Who keeps without having asked finds the first answer in the way."""
        made = [await create(repository, tenant.author, "skill", skill_body()) for _ in range(2)]
        session = await connect()
        async with acting(session, tenant.author):
            await session.execute(KEEP, request(), made[0].audit_id)
            state = await Savepoint(session).state(KEEP, request(), made[1].audit_id)
            found = await row(session, ASK, request())

        assert ("PL019", made[0].id) == (state, found["id"])

    async def test_what_is_forgotten_is_written_over(
        self, superuser: Connection, tenant: Tenant, repository: Repository
    ) -> None:
        """As soon as it is not found any more: between the two is no moment."""
        made = await create(repository, tenant.author, "skill", skill_body())
        found = []
        async with acting(superuser, tenant.author):
            await superuser.execute(KEEP, request(), made.audit_id)
            for age in ("23:59:59.999999", "24:00:00"):
                await superuser.execute(
                    "UPDATE app.idempotency SET created_at = now() - $2::text::interval"
                    " WHERE tenant_id = $1",
                    tenant.id,
                    age,
                )
                known = len(await superuser.fetch(ASK, request()))
                found.append((known, await Savepoint(superuser).state(KEEP, request(), made.id)))

        assert [(1, "PL019"), (0, None)] == found

    async def test_several_entries_come_in_their_order(
        self, connect: Connect, tenant: Tenant, repository: Repository
    ) -> None:
        """A request that wrote many is answered with all of them, as it wrote them."""
        made = [await create(repository, tenant.author, "skill", skill_body()) for _ in range(5)]
        turned = [one.audit_id for one in (made[3], made[0], made[4], made[1], made[2])]
        session = await connect()
        async with acting(session, tenant.author):
            await session.execute("SELECT app.remember($1, 200, $2)", request(), turned)
            found = await session.fetch(ASK, request())

        assert turned == [row["audit_id"] for row in found]


class TestTwoSessions:
    """What one sees of the other."""

    async def test_a_running_one_then_its_answer(
        self, connect: Connect, tenant: Tenant, superuser: Connection
    ) -> None:
        """While it runs PL019; after COMMIT the answer, in a transaction that had begun before."""
        first, second = await connect(), await connect()
        body = json.dumps(skill_body())
        running = first.transaction()
        await running.start()
        await become(first, tenant.author)
        made = await row(first, CREATE, body, request())
        async with acting(second, tenant.author):
            assert 0 == await second.fetchval("SELECT count(*) FROM app.base_entity")
            assert "PL019" == await Savepoint(second).state(CREATE, body, request())
            assert "PL019" == await Savepoint(second).state(CREATE, body, request(body=b"other"))
            await running.commit()
            again = await row(second, CREATE, body, request())
            assert "PL020" == await Savepoint(second).state(CREATE, body, request(body=b"other"))

        assert tuple(made)[:7] == tuple(again)[:7]
        assert (False, True) == (made["replayed"], again["replayed"])
        assert 1 == (await rows(superuser, tenant.id)).entities

    async def test_one_that_is_undone_leaves_the_key_free(
        self, connect: Connect, tenant: Tenant, superuser: Connection
    ) -> None:
        """After ROLLBACK, or when its session is ended, the next one does it."""
        body = json.dumps(skill_body())
        for how in ("rolled back", "ended"):
            first, second = await connect(), await connect()
            running = first.transaction()
            await running.start()
            await become(first, tenant.author)
            await row(first, CREATE, body, request(how))
            if how == "ended":
                await superuser.fetchval("SELECT pg_terminate_backend($1, 5000)", pid(first))
            else:
                await running.rollback()
            undone = second.transaction()
            await undone.start()
            await become(second, tenant.author)
            made = await row(second, CREATE, body, request(how))
            assert not made["replayed"]
            await undone.rollback()

        assert 0 == await superuser.fetchval(KEPT, tenant.id)

    async def test_answers_do_not_stand_in_each_other_s_way(
        self, connect: Connect, tenant: Tenant
    ) -> None:
        """A transaction that was answered and stays open keeps nobody from being answered."""
        body = json.dumps(skill_body())
        first, second = await connect(), await connect()
        async with acting(first, tenant.author):
            await row(first, CREATE, body, request())
        async with acting(first, tenant.author), acting(second, tenant.author):
            for session in (first, second):
                assert (await row(session, CREATE, body, request()))["replayed"]

    async def test_a_snapshot_that_is_too_old_keeps_nothing_twice(
        self, connect: Connect, tenant: Tenant, superuser: Connection
    ) -> None:
        """At REPEATABLE READ the first answer may not be seen; what was done then is undone."""
        first, second = await connect(), await connect()
        body = json.dumps(skill_body())
        async with second.transaction(isolation="repeatable_read"):
            await become(second, tenant.author)
            await second.fetchval("SELECT count(*) FROM app.base_entity")
            async with acting(first, tenant.author):
                await row(first, CREATE, body, request())
            write = await Savepoint(second).state(CREATE, json.dumps(skill_body()), request())
            keep = await Savepoint(second).state(KEEP, request(), NEVER)

        # The guard lets nobody write at this level; the key itself would not either.
        assert ("PL013", "40001") == (write, keep)
        assert 1 == (await rows(superuser, tenant.id)).entities


class TestExpiry:
    """What is forgotten goes, a batch at a time."""

    @pytest_asyncio.fixture(autouse=True, loop_scope="module")
    async def few(self, monkeypatch: pytest.MonkeyPatch, superuser: Connection) -> None:
        """Begin without any, and make batches that fill quickly."""
        await superuser.execute("DELETE FROM app.idempotency")
        monkeypatch.setattr(tidying, "BATCH", 10)

    async def test_what_is_older_than_a_day_goes_the_rest_stays(
        self, worker: Repository, superuser: Connection, tenant: Tenant, other_tenant: Tenant
    ) -> None:
        """Of all tenants; one batch more when the last was full."""
        await planted(superuser, tenant, 20)
        await planted(superuser, other_tenant, 15, YOUNG)
        await superuser.execute(
            "UPDATE app.idempotency SET created_at = now() - interval '1 year'"
            " WHERE tenant_id = $1 AND key IN ('k1', 'k2', 'k3')",
            other_tenant.id,
        )

        assert 23 == await tidy(worker)
        assert 0 == await superuser.fetchval(KEPT, tenant.id)
        assert 12 == await superuser.fetchval(KEPT, other_tenant.id)
        assert 0 == await tidy(worker)

    async def test_a_batch_is_no_larger_than_asked(
        self, worker: Repository, superuser: Connection, tenant: Tenant
    ) -> None:
        """The oldest go first."""
        await planted(superuser, tenant, 7)
        await superuser.execute(
            "UPDATE app.idempotency SET created_at = now() - interval '2 days'"
            " WHERE tenant_id = $1 AND key > 'k4'",
            tenant.id,
        )
        found = await worker.one(IdempotencyExpire(3))
        left = await superuser.fetchval(
            "SELECT array_agg(key ORDER BY key) FROM app.idempotency WHERE tenant_id = $1",
            tenant.id,
        )

        assert (3, ["k1", "k2", "k3", "k4"]) == (found.removed, left)

    async def test_two_at_once_do_not_wait(
        self, connect: Connect, catalog: Catalog, superuser: Connection, tenant: Tenant,
        worker: Repository,
    ) -> None:  # fmt: skip
        """While one has its turn another removes nothing; what the first undoes is left for it."""
        await planted(superuser, tenant, 5)
        first = await connect("worker")
        text = catalog["idempotency_expire"].text
        turn = first.transaction()
        await turn.start()
        assert 5 == await first.fetchval(text, 1000)
        assert 0 == await tidy(worker)
        await turn.rollback()

        assert 5 == await superuser.fetchval(KEPT, tenant.id)
        assert 5 == await tidy(worker)

    async def test_a_key_that_is_used_again_meanwhile_stays(
        self, connect: Connect, catalog: Catalog, superuser: Connection, tenant: Tenant
    ) -> None:
        """A forgotten row that a writer has just written over is no longer forgotten."""
        app, worker = await connect(), await connect("worker")
        async with acting(app, tenant.author):
            await row(app, CREATE, json.dumps(skill_body()), request())
        await superuser.execute(AGE, tenant.id, EXPIRED)
        writing = app.transaction()
        await writing.start()
        await become(app, tenant.author)
        made = await row(app, CREATE, json.dumps(skill_body()), request(body=b"other"))
        removing = asyncio.ensure_future(worker.fetchval(catalog["idempotency_expire"].text, 1000))
        await until_blocked(superuser, worker, app, removing)
        await writing.commit()

        assert 0 == await removing
        async with acting(app, tenant.author):
            again = await row(app, CREATE, "{}", request(body=b"other"))
        assert (made["id"], True) == (again["id"], again["replayed"])

    async def test_a_key_that_is_used_after_its_row_has_gone(
        self, connect: Connect, catalog: Catalog, superuser: Connection, tenant: Tenant
    ) -> None:
        """A writer waits for the row to go, and then writes its own."""
        app, worker = await connect(), await connect("worker")
        async with acting(app, tenant.author):
            await row(app, CREATE, json.dumps(skill_body()), request())
        await superuser.execute(AGE, tenant.id, EXPIRED)
        removing = worker.transaction()
        await removing.start()
        assert 1 == await worker.fetchval(catalog["idempotency_expire"].text, 1000)
        async with acting(app, tenant.author):
            writing = asyncio.ensure_future(row(app, CREATE, json.dumps(skill_body()), request()))
            await until_blocked(superuser, app, worker, writing)
            await removing.commit()
            made = await writing

        assert not made["replayed"]
        assert 1 == await superuser.fetchval(KEPT, tenant.id)

    async def test_is_found_by_its_age(
        self, connect: Connect, catalog: Catalog, superuser: Connection, tenant: Tenant
    ) -> None:
        """The oldest are read in their order, and nothing young is read at all."""
        await planted(superuser, tenant, 2_000, timedelta(0))
        await superuser.execute(
            "UPDATE app.idempotency SET created_at = now() - interval '2 days'"
            " WHERE tenant_id = $1 AND key LIKE 'k1_'",
            tenant.id,
        )
        await superuser.execute("VACUUM ANALYZE app.idempotency")
        worker = await connect("worker")
        async with worker.transaction():
            await worker.execute("SET LOCAL enable_seqscan = off")
            plan = await worker.fetchval(
                "EXPLAIN (FORMAT JSON, ANALYZE) " + catalog["idempotency_expire"].text, 1000
            )
        nodes = list(walk(json.loads(plan)[0]["Plan"]))

        (found,) = [n for n in nodes if n.get("Index Name") == "idempotency_created_at_idx"]
        assert ("Index Scan", 10) == (found["Node Type"], found["Actual Rows"])
        removed = [value for node in nodes for name, value in node.items() if "Removed" in name]
        assert 0 == sum(removed)
        assert 10 == next(n for n in nodes if n["Node Type"] == "Tid Scan")["Actual Loops"]

    async def test_goes_on_after_the_database_was_away(
        self,
        cluster: Server,
        database: str,
        catalog: Catalog,
        settings: Settings,
        superuser: Connection,
        tenant: Tenant,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """It starts without a database, says so, and works once there is one; cut off, again."""
        await planted(superuser, tenant, 5)
        stop = asyncio.Event()
        async with Proxy.to(cluster.url("worker", database)) as way:
            way.refusing = True
            repository = Repository(catalog, Pool(way.url, settings_of_one(settings)))
            desk = Desk(repository, Lone(way.url, settings, name="worker"))
            work = Background(desk, settings, Standing(), tidy_every_s=0)
            task = asyncio.create_task(work.run(stop))
            await until(lambda: said(caplog), bool)
            way.refusing = False
            for _ in range(2):
                await until(lambda: superuser.fetchval(KEPT, tenant.id), lambda kept: kept == 0)
                way.cut()
                await planted(superuser, tenant, 5)
            stop.set()
            await task

        assert any("no work on the log just now: unavailable" in one for one in caplog.messages)

    async def test_nobody_else_may(
        self, connect: Connect, catalog: Catalog, worker: Repository, superuser: Connection,
        tenant: Tenant,
    ) -> None:  # fmt: skip
        """The service's own role removes nothing, whatever the tenant."""
        await planted(superuser, tenant, 1)
        session = await connect()
        async with acting(session, tenant.author):
            state = await Savepoint(session).state(catalog["idempotency_expire"].text, 1000)

        assert "42501" == state
        assert 1 == await tidy(worker)


def settings_of_one(settings: Settings) -> Settings:
    """Give settings of a pool that connects when it is asked to."""
    return Settings(data_dir=settings.data_dir, pool_min=0, pool_max=1)


async def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Give what was logged."""
    return [record.getMessage() for record in caplog.records]


def walk(node: dict[str, Any]) -> Any:
    """Walk over the nodes of a plan."""
    yield node
    for below in node.get("Plans", ()):
        yield from walk(below)
