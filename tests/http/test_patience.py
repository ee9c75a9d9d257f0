"""How long the service waits for a client that sends no request or takes no answer."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from service.http import patience
from service.repository.base import Repository
from service.settings import Settings
from tests.api import Api
from tests.bench import until
from tests.edge import WIDE, Served, Wire, large_skill, served
from tests.factories import Tenant, create, skill_body
from tests.imports import many, ndjson
from tests.postgres import Server
from tests.sockets import answers

pytestmark = pytest.mark.database

SOON_S = 0.3
PAGE = "/v1/skills?limit=200"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(cluster: Server, database: str, settings: Settings) -> AsyncIterator[Served]:
    """Have a service whose answers soon wait for their readers."""
    async with served(settings, cluster.url("app", database)) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service_url(service: Served) -> str:
    """Have its address, for a client that behaves."""
    return service.url


async def said(caplog: pytest.LogCaptureFixture, words: str, times: int = 1) -> None:
    """Wait until the log has a line so many times."""

    async def found() -> int:
        return sum(words in record.getMessage() for record in caplog.records)

    await until(found, lambda count: count == times)


async def large_page(repository: Repository, tenant: Tenant, count: int = 3) -> None:
    """Fill a page with more than the kernel keeps."""
    for _ in range(count):
        await create(repository, tenant.author, "skill", large_skill())


class TestRequest:
    """A request that does not come."""

    @pytest.fixture(autouse=True)
    def soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Wait for no headers longer than a moment."""
        monkeypatch.setattr(patience, "HEAD_S", SOON_S)

    @pytest.mark.parametrize("begun", [b"G", b"GET /v1/me HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nX: "])
    async def test_half_a_head_is_400(self, service: Served, begun: bytes) -> None:
        """A request that has begun and does not end is answered, and the connection closed."""
        async with Wire.open(service.url) as wire:
            await wire.send(begun)
            (answer,) = answers(await wire.rest())

        assert (400, "malformed-request") == (answer.status, answer.problem)
        assert "headers did not come" in answer.json["detail"]

    async def test_no_request_at_all(self, service: Served) -> None:
        """Who says nothing is told nothing."""
        async with Wire.open(service.url) as wire:
            assert b"" == await wire.rest()

    async def test_drops_do_not_help(self, service: Served) -> None:
        """The time is for the whole head, however it comes."""
        async with Wire.open(service.url) as wire:
            await wire.send(b"GET /livez HTTP/1.1\r\nX: ")
            while not await wire.answered():
                await wire.send(b"x")
                await asyncio.sleep(0.01)  # slowly, not in vain
            (answer,) = answers(await wire.rest())

        assert (400, "malformed-request") == (answer.status, answer.problem)

    async def test_a_later_request_too(self, service: Served) -> None:
        """After a good one the next has the same time, from its first byte on."""
        async with Wire.open(service.url) as wire:
            await wire.send(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            assert 200 == answers(await wire.read())[0].status
            await wire.send(b"GET /livez HTTP/1.1\r\n")
            (answer,) = answers(await wire.rest())

        assert (400, "malformed-request") == (answer.status, answer.problem)

    async def test_half_a_head_behind_a_whole_request_too(self, service: Served) -> None:
        """It came with the last bytes of that one: the connection does not wait for its rest."""
        async with Wire.open(service.url) as wire:
            await wire.send(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /livez HTTP/1.1\r\nX: ")
            (answer,) = answers(await wire.rest())

        assert 200 == answer.status

    async def test_between_requests_a_connection_may_rest(self, service: Served) -> None:
        """A client that keeps its connection is not cut off for having nothing to ask."""
        async with Wire.open(service.url) as resting, Wire.open(service.url) as later:
            await resting.send(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            assert 200 == answers(await resting.read())[0].status
            for _ in range(2):
                async with Wire.open(service.url) as other:
                    assert b"" == await other.rest()
            await resting.send(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")

            assert 200 == answers(await resting.read())[0].status
            assert b"" == await later.rest()

    async def test_a_body_has_its_own_time(self, service: Served, tenant: Tenant) -> None:
        """What follows a whole head is not held to the head's time."""
        body = ndjson([skill_body()])
        media = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        async with Wire.open(service.url) as wire, Wire.open(service.url) as other:
            await wire.ask(tenant.author, "/v1/skills", "POST", media)
            await wire.send(body[:9])
            assert b"" == await other.rest()
            await wire.send(body[9:])

            assert 201 == answers(await wire.read())[0].status


class TestAnswer:
    """An answer that is not taken."""

    @pytest.mark.parametrize("large", [True, False], ids=["large", "small"])
    async def test_it_is_kept_for_a_while_only(
        self,
        service: Served,
        repository: Repository,
        tenant: Tenant,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        *,
        large: bool,
    ) -> None:
        """Then the connection is cut, with whatever the kernel has of it still to read."""
        monkeypatch.setattr(patience, "TAKEN_S", SOON_S)
        if large:
            await large_page(repository, tenant)
        else:
            await create(repository, tenant.author, "skill", skill_body(description=WIDE * 10_000))
        async with Wire.open(service.url) as wire:
            await wire.ask(tenant.author, PAGE)
            await said(caplog, "took no whole answer")
            found = await wire.rest()

        length = int(found.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        assert length > (500_000 if large else 40_000)
        assert len(found) < length

    async def test_drops_do_not_help(
        self,
        service: Served,
        repository: Repository,
        tenant: Tenant,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """The time is for all that was written, not for a byte of it."""
        monkeypatch.setattr(patience, "TAKEN_S", SOON_S)
        await large_page(repository, tenant)
        async with Wire.open(service.url) as wire:
            await wire.ask(tenant.author, PAGE)
            reading = asyncio.create_task(self.slowly(wire))
            await said(caplog, "took no whole answer")

            assert await reading < 500_000

    async def slowly(self, wire: Wire) -> int:
        """Read without haste; gives how much it was."""
        found = 0
        while piece := await wire.read():
            found += len(piece)
            await asyncio.sleep(0.02)
        return found

    async def test_who_takes_it_gets_it_all(
        self, service: Served, repository: Repository, tenant: Tenant
    ) -> None:
        """One answer after another, each larger than what the kernel keeps."""
        await large_page(repository, tenant)
        async with Wire.open(service.url) as wire:
            for _ in range(2):
                await wire.ask(tenant.author, PAGE)
            await wire.ask(tenant.author, "/livez", headers={"Connection": "close"})
            found = answers(await wire.rest())

        assert [200, 200, 200] == [answer.status for answer in found]
        assert [3, 3] == [len(answer.json["items"]) for answer in found[:2]]

    async def test_an_export_ends_with_its_reader(
        self,
        service: Served,
        repository: Repository,
        tenant: Tenant,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """A stream that nobody takes gives its connection and its place back."""
        monkeypatch.setattr(patience, "TAKEN_S", SOON_S)
        await large_page(repository, tenant, 5)
        async with Wire.open(service.url) as wire:
            await wire.ask(tenant.author, "/v1/exports")
            await said(caplog, "took no whole answer")
            await service.free()

    async def test_an_import_ends_with_its_reader(
        self,
        service: Served,
        tenant: Tenant,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Outcomes that nobody takes keep no place among the imports."""
        monkeypatch.setattr(patience, "TAKEN_S", SOON_S)
        body = b"".join(b'{"kind": "skill", "bad": %d}\n' % number for number in range(12_000))
        media = {"Content-Type": "application/x-ndjson", "Content-Length": str(len(body))}
        async with Wire.open(service.url) as wire:
            await wire.ask(tenant.author, "/v1/imports", "POST", media)
            await wire.send(body)
            await said(caplog, "took no whole answer")
            await service.free()

    async def test_all_of_them_have_a_bound(
        self,
        service: Served,
        api: Api,
        repository: Repository,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Of more than may wait in all, what has waited longest goes; the others stay."""
        await large_page(repository, api.tenant)
        whole = len((await api.get(PAGE)).body)
        monkeypatch.setattr(patience, "UNREAD_MAX", 2 * whole)
        async with (
            Wire.open(service.url) as first,
            Wire.open(service.url) as second,
            Wire.open(service.url) as third,
        ):
            for wire in (first, second, third):
                await wire.ask(api.actor, PAGE, headers={"Connection": "close"})
                await until(wire.answered, bool)
            found = [len(await wire.rest()) for wire in (first, second, third)]

        assert found[0] < whole / 2
        assert min(found[1:]) > whole
        assert 200 == (await api.get(PAGE)).status


async def test_what_the_kernel_has_counts_too(
    cluster: Server,
    database: str,
    settings: Settings,
    repository: Repository,
    tenant: Tenant,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A body is in memory until all of it is taken, so all of it counts."""
    await large_page(repository, tenant)
    async with served(settings, cluster.url("app", database), buffer=400_000) as service:
        async with Wire.open(service.url) as wire:
            await wire.ask(tenant.author, PAGE, headers={"Connection": "close"})
            whole = len(await wire.rest())
        monkeypatch.setattr(patience, "UNREAD_MAX", int(1.5 * whole))
        async with Wire.open(service.url) as first, Wire.open(service.url) as second:
            for wire in (first, second):
                await wire.ask(tenant.author, PAGE, headers={"Connection": "close"})
                await until(wire.answered, bool)
            found = [len(await wire.rest()) for wire in (first, second)]

    assert found[0] < whole == found[1]


async def test_a_client_that_behaves_notices_nothing(service: Served, api: Api) -> None:
    """Small and large, streams too."""
    media = {"Content-Type": "application/x-ndjson"}
    told = await api.send("POST", "/v1/imports", raw=ndjson(many(1200)), headers=media)

    assert b'"created":1200' in told.body.splitlines()[-1]
    assert 1201 == len((await api.get("/v1/exports")).body.splitlines())
    assert 200 == len((await api.get(PAGE)).json["items"])
