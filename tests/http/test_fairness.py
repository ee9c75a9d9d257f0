"""Whoever is slow, or sends keys that there are not, keeps nobody else out."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial

import asyncpg
import pytest
import pytest_asyncio
from msgspec import structs

from service.errors import Unauthenticated
from service.http import batch, caller, lookups, upload
from service.http.clock import Clock
from service.repository.base import Repository
from service.repository.keys import KeyRevoke
from service.settings import Settings
from service.usecases.import_session import IMPORTS_EACH
from tests.api import Answer, Api
from tests.bench import until
from tests.edge import Served, Wire, served
from tests.factories import Actor, ActorWith, Tenant, skill_body, unique
from tests.imports import many, ndjson, state
from tests.moved import Moved
from tests.postgres import Server
from tests.sockets import answers

pytestmark = pytest.mark.database

WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE application_name LIKE 'plant app%' AND datname = current_database()
AND wait_event_type = 'Lock'
"""
CANCEL = WAITING.replace("count(*)", "pg_cancel_backend(min(pid))")
HOLD = "SELECT FROM app.base_entity WHERE id = "
CHUNKED = {"Content-Type": "application/x-ndjson", "Transfer-Encoding": "chunked"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clock() -> Moved:
    """Have the clock of the service of this module."""
    return Moved()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(
    cluster: Server, database: str, settings: Settings, clock: Moved
) -> AsyncIterator[Served]:
    """Have a service whose statements wait for a lock as long as a test takes."""
    patient = structs.replace(
        settings,
        lock_timeout_ms=60_000,
        statement_timeout_ms=60_000,
        command_timeout_ms=60_000,
        request_timeout_ms=60_000,
    )
    async with served(patient, cluster.url("app", database), clock) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service_url(service: Served) -> str:
    """Have its address."""
    return service.url


@pytest_asyncio.fixture(loop_scope="module")
async def locked(cluster: Server, database: str) -> AsyncIterator[asyncpg.Connection]:
    """Have a session that keeps everybody from looking up keys until it commits."""
    session = await asyncpg.connect(cluster.url("superuser", database))
    yield session
    await session.close()


async def lock(session: asyncpg.Connection) -> None:
    """Let every look-up of a key wait."""
    await session.execute("BEGIN; LOCK TABLE app.api_key IN ACCESS EXCLUSIVE MODE")


async def waits(session: asyncpg.Connection, count: int) -> None:
    """Wait until so many look-ups are under way."""

    async def found() -> int:
        await session.execute("SELECT pg_stat_clear_snapshot()")
        return int(await session.fetchval(WAITING))

    await until(found, lambda waiting: waiting == count)


def unknown() -> str:
    """Make the header of a key that there is not."""
    return f"Bearer plant_{secrets.token_urlsafe(32)}"


def asked(api: Api, key: str) -> asyncio.Task[Answer]:
    """Ask with a key, without waiting for the answer."""
    return asyncio.create_task(api.get("/v1/me", Authorization=key))


class TestLookups:
    """Keys that have to be looked up."""

    async def test_strangers_leave_room(
        self, api: Api, locked: asyncpg.Connection, actor_with: ActorWith, clock: Moved
    ) -> None:
        """Any number of unknown keys takes two connections; known ones are served meanwhile."""
        other = api.by(await actor_with("read"))
        assert 200 == (await other.get("/v1/me")).status
        clock.ahead += timedelta(seconds=5)
        assert 200 == (await api.get("/v1/me")).status
        await lock(locked)
        crowd = [asked(api, unknown()) for _ in range(60)]
        await waits(locked, lookups.STRANGERS_MAX)

        assert 200 == (await api.get("/v1/skills")).status
        # Not remembered any more, but not a stranger: its look-up does not queue behind theirs.
        familiar = asked(other, f"Bearer {other.actor.key}")
        await waits(locked, lookups.STRANGERS_MAX + 1)
        await locked.execute("COMMIT")
        assert 200 == (await familiar).status
        assert {401} == {answer.status for answer in await asyncio.gather(*crowd)}

    async def test_too_many_strangers_are_told_so(
        self, api: Api, locked: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The queue has an end; who comes after it is to try again."""
        monkeypatch.setattr(lookups, "STRANGERS_WAITING_MAX", 3)
        await lock(locked)
        crowd = [asked(api, unknown()) for _ in range(3)]
        await waits(locked, lookups.STRANGERS_MAX)
        late = await api.get("/v1/me", Authorization=unknown())
        await locked.execute("COMMIT")

        assert (503, "unavailable") == (late.status, late.problem)
        assert {401} == {answer.status for answer in await asyncio.gather(*crowd)}

    async def test_one_key_is_looked_up_once_at_a_time(
        self, api: Api, locked: asyncpg.Connection, actor_with: ActorWith
    ) -> None:
        """Whoever asks for it meanwhile gets the same answer."""
        mine = api.by(await actor_with("read"))
        key = f"Bearer {mine.actor.key}"
        await lock(locked)
        crowd = [asked(mine, key) for _ in range(20)]
        await waits(locked, 1)
        stranger = asked(mine, unknown())
        await waits(locked, 2)
        await locked.execute("COMMIT")

        assert {200} == {answer.status for answer in await asyncio.gather(*crowd)}
        assert 401 == (await stranger).status

    async def test_who_gives_up_takes_the_answer_from_nobody(
        self, service: Served, tenant: Tenant, locked: asyncpg.Connection
    ) -> None:
        """The first to ask may be gone when the answer comes."""
        keys = caller.Authenticator(service.repository, Clock())
        await lock(locked)
        first, second = (asyncio.create_task(keys.identity(tenant.author.key)) for _ in range(2))
        await waits(locked, 1)
        first.cancel()
        await asyncio.wait({first})
        await locked.execute("COMMIT")

        assert tenant.id == (await second).tenant_id

    async def test_that_a_key_is_unknown_is_remembered_for_a_moment(
        self, api: Api, locked: asyncpg.Connection, clock: Moved
    ) -> None:
        """Asked again at once it costs no look-up; after the moment it does."""
        key = unknown()
        assert 401 == (await api.get("/v1/me", Authorization=key)).status
        before = clock.ahead
        clock.ahead = before - timedelta(seconds=60)  # the moment does not pass by itself
        await lock(locked)
        again = await api.get("/v1/me", Authorization=key)
        clock.ahead = before + timedelta(seconds=caller.UNKNOWN_S)
        later = asked(api, key)
        await waits(locked, 1)
        await locked.execute("COMMIT")

        assert [401, 401] == [again.status, (await later).status]

    async def test_what_is_remembered_is_bounded(
        self, api: Api, service: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Unknown keys push out one another, never one that is known."""
        monkeypatch.setattr(caller, "UNKNOWN_MAX", 3)
        monkeypatch.setattr(caller, "CACHE_MAX", 3)
        keys = caller.Authenticator(service.repository, Clock())
        await keys.identity(api.actor.key)
        for _ in range(9):
            with pytest.raises(Unauthenticated):
                await keys.identity(secrets.token_urlsafe())

        assert [1, 3] == [len(keys._known), len(keys._unknown)]  # noqa: SLF001

    async def test_a_revoked_key_reads_no_longer_than_it_may(
        self,
        api: Api,
        locked: asyncpg.Connection,
        owner: Repository,
        actor_with: ActorWith,
        clock: Moved,
    ) -> None:
        """The time counts from when the database was asked, not from who asked last."""
        mine = api.by(await actor_with("read"))
        key = f"Bearer {mine.actor.key}"
        await lock(locked)
        first = asked(mine, key)
        await waits(locked, 1)
        clock.ahead += timedelta(seconds=3)
        second = asked(mine, key)
        await locked.execute("COMMIT")
        assert [200, 200] == [(await first).status, (await second).status]
        assert await owner.maybe(KeyRevoke(mine.actor.context.key_id)) is not None  # type: ignore[arg-type]
        clock.ahead += timedelta(seconds=1.5)

        assert 401 == (await mine.get("/v1/me")).status

    async def test_a_key_that_was_revoked_is_a_stranger(
        self,
        api: Api,
        owner: Repository,
        actor_with: ActorWith,
        clock: Moved,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Once that is known it waits its turn like all who have no key, and has none if full."""
        mine = api.by(await actor_with("read"))
        assert 200 == (await mine.get("/v1/me")).status
        assert await owner.maybe(KeyRevoke(mine.actor.context.key_id)) is not None  # type: ignore[arg-type]
        clock.ahead += timedelta(seconds=5)
        known = await mine.get("/v1/me")
        clock.ahead += timedelta(seconds=1)
        monkeypatch.setattr(lookups, "STRANGERS_WAITING_MAX", 0)

        assert [401, 503] == [known.status, (await mine.get("/v1/me")).status]

    async def test_a_certifier_that_was_revoked_just_now(
        self, api: Api, owner: Repository, actor_with: ActorWith, superuser: asyncpg.Connection
    ) -> None:
        """An import as active is 401 for it at once, whatever is remembered."""
        certifier: Actor = await actor_with("certify", name="second")
        assert 200 == (await api.by(certifier).get("/v1/me")).status
        assert await owner.maybe(KeyRevoke(certifier.context.key_id)) is not None  # type: ignore[arg-type]
        answer = await api.send(
            "POST",
            "/v1/imports?as=active",
            raw=ndjson(many(2)),
            headers={
                "Content-Type": "application/x-ndjson",
                "Certifier-Authorization": f"Bearer {certifier.key}",
            },
        )

        assert (401, "unauthenticated") == (answer.status, answer.problem)
        assert "certifier" in answer.json["detail"]
        assert {} == await state(superuser, api.tenant)


class TestUploads:
    """Imports whose senders take their time."""

    @pytest.mark.parametrize("lines", [1, 1001], ids=["no place yet", "with a place"])
    async def test_drops_are_not_enough(
        self,
        service: Served,
        tenant: Tenant,
        superuser: asyncpg.Connection,
        monkeypatch: pytest.MonkeyPatch,
        lines: int,
    ) -> None:
        """A sender that keeps the service waiting is refused, and everything is given back."""
        monkeypatch.setattr(upload, "PACE_S", 0.5)
        async with Wire.open(service.url) as wire:
            await wire.ask(tenant.author, "/v1/imports", "POST", CHUNKED)
            await chunk(wire, ndjson(many(lines)))
            while not await wire.answered():
                await chunk(wire, b"\n")
                await asyncio.sleep(0.01)  # slowly, not in vain
            (answer,) = answers(await wire.read())

        assert (400, "malformed-request") == (answer.status, answer.problem)
        assert "Send faster" in answer.json["detail"]
        await service.free()
        assert {} == await state(superuser, tenant)

    async def test_one_tenant_leaves_room_for_others(
        self, service: Served, api: Api, other_tenant: Tenant
    ) -> None:
        """Its slow imports take half of the places; one more of it is to try again."""
        media = {"Content-Type": "application/x-ndjson"}
        lines = ndjson(many(1))
        async with Wire.open(service.url) as first, Wire.open(service.url) as second:
            assert 2 == IMPORTS_EACH
            for wire in (first, second):
                await wire.ask(api.actor, "/v1/imports", "POST", CHUNKED)
                await chunk(wire, ndjson(many(1001)))
            await until(service.taken, lambda taken: taken[1] == IMPORTS_EACH)
            refused = await api.send("POST", "/v1/imports", raw=lines, headers=media)
            theirs = await api.of(other_tenant).send(
                "POST", "/v1/imports", raw=lines, headers=media
            )
            for wire in (first, second):
                wire.reset()
        await service.free()

        assert (503, "unavailable", "1") == (
            refused.status,
            refused.problem,
            refused.headers["Retry-After"],
        )
        assert b'"created":1' in theirs.body.splitlines()[-1]


class TestBatches:
    """Their bodies are large: what has come of them counts."""

    async def asked(self, api: Api, size: int = 0) -> Answer:
        """Send a batch, so many bytes longer than it has to be."""
        body = skill_body(name=unique("batch"))
        operation = {"op": "create", "kind": "skill", "body": body}
        raw = json.dumps({"operations": [operation]}).encode()
        headers = {"Content-Type": "application/json"}
        return await api.send("POST", "/v1/batch", raw=raw + b" " * size, headers=headers)

    async def test_who_sends_nothing_takes_nothing(self, service: Served, api: Api) -> None:
        """However many begin a body and leave it there."""
        headers = {**CHUNKED, "Content-Type": "application/json"}
        slow = [Wire.open(service.url) for _ in range(2 * batch.PLACES)]
        async with AsyncExitStack() as stack:
            for wire in [await stack.enter_async_context(one) for one in slow]:
                await wire.ask(api.actor, "/v1/batch", "POST", headers)
                await chunk(wire, b'{"operations"')

            assert 200 == (await self.asked(api)).status

    async def test_one_tenant_leaves_room_for_others(
        self, service: Served, api: Api, other_tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its bodies have a quarter of the room; what is beyond is to try again."""
        monkeypatch.setattr(service.app[batch.ROOM], "_size", 4 * 100_000)
        headers = {**CHUNKED, "Content-Type": "application/json"}
        async with Wire.open(service.url) as wire:
            await wire.ask(api.actor, "/v1/batch", "POST", headers)
            await chunk(wire, b" " * 90_000)

            refused = await until(
                lambda: self.asked(api, 20_000), lambda answer: answer.status == 503
            )
            theirs = await self.asked(api.of(other_tenant), 20_000)
        later = await until(lambda: self.asked(api, 20_000), lambda answer: answer.status == 200)

        assert ("unavailable", "1") == (refused.problem, refused.headers["Retry-After"])
        assert "of your tenant" in refused.json["detail"]
        assert (200, 200) == (theirs.status, later.status)

    async def test_one_tenant_leaves_a_turn_to_others(
        self, service: Served, api: Api, other_tenant: Tenant, locked: asyncpg.Connection
    ) -> None:
        """Its batches wait behind another's that came later, once each has had a turn."""
        theirs = api.of(other_tenant)
        assert 200 == (await theirs.get("/v1/me")).status
        made = await api.made("skill")
        amend = {"op": "amend", "kind": "skill", "id": made["id"], "if_match": "*"}
        body = {"operations": [amend | {"patch": {"tags": ["x"]}}]}
        await locked.execute(f"BEGIN; {HOLD}'{made['id']}' FOR UPDATE")
        crowd = [asyncio.create_task(api.post("/v1/batch", body)) for _ in range(batch.AT_ONCE + 1)]
        await waits(locked, batch.AT_ONCE)
        late = asyncio.create_task(self.asked(theirs))
        await until(partial(placed, service), lambda count: count == batch.AT_ONCE + 2)
        await locked.execute(CANCEL)
        # One of the crowd has ended; the others wait as before.
        answer = await late
        await locked.execute("COMMIT")

        assert 200 == answer.status
        assert [200, 200, 503] == sorted(one.status for one in await asyncio.gather(*crowd))


async def placed(service: Served) -> int:
    """Count the batches that are there."""
    return service.app[batch.TURNS]._placed  # noqa: SLF001


async def chunk(wire: Wire, data: bytes) -> None:
    """Send a part of a body."""
    await wire.send(b"%x\r\n%s\r\n" % (len(data), data))
