"""Reads of entities that go past aiohttp: what they answer, and what never goes there."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import pytest
import pytest_asyncio

from service.catalog.statement import Statement
from service.http import short_way
from service.http.deprecation import DEPRECATED
from service.http.framing import Request
from service.http.protocol import Protocol
from service.http.short_answers import Done, ShortAnswers
from service.http.short_reads import Read, ShortReads
from service.repository.base import Repository
from service.settings import Settings
from tests.api import Answer as Said
from tests.bench import SMALL, Bench, until
from tests.edge import Served, Wire, served
from tests.factories import Tenant, create, make_actor, skill_body
from tests.http.test_lost_answers import through
from tests.postgres import Server
from tests.sockets import answers, exchange

pytestmark = pytest.mark.database

VARYING = {"Date", "Request-Id"}
PATIENT = (
    "acquire_timeout_ms",
    "connect_timeout_ms",
    "lock_timeout_ms",
    "statement_timeout_ms",
    "command_timeout_ms",
)
LONG = "Prefer: something\r\n"
"""A header that changes nothing, and with which a request goes the long way."""


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have what was read the short way: the id, or the route of what has several."""
    known: list[str] = []
    begin = ShortAnswers.begin

    def noted(answers: ShortAnswers, read: Read, done: Done) -> None:
        known.append(read.route if read.one is None else read.one.id)
        begin(answers, read, done)

    monkeypatch.setattr(ShortAnswers, "begin", noted)
    return known


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(cluster: Server, database: str, settings: Settings) -> AsyncIterator[Served]:
    """Have a service."""
    async with served(settings, cluster.url("app", database)) as found:
        yield found


async def warm(service: Served, *keys: str) -> None:
    """Let the service remember keys."""
    for key in keys:
        asked = f"GET /v1/me HTTP/1.1\r\nHost: plant\r\nAuthorization: Bearer {key}\r\n"
        (answer,) = await said(service, asked + "\r\n")
        assert 200 == answer.status


async def said(service: Served, text: str) -> list[Said]:
    """Send it on a connection of its own, and read what comes until that is quiet."""
    return answers(await exchange(service.url, text.encode("latin-1"), quiet_s=0.2))


def head(path: str, key: str, more: str = "", method: str = "GET") -> str:
    """Write a request."""
    return f"{method} {path} HTTP/1.1\r\nHost: plant\r\nAuthorization: Bearer {key}\r\n{more}\r\n"


def bare(answer: Said) -> tuple[int, dict[str, str], bytes]:
    """Leave out what differs from request to request; a cursor says when it was made."""
    headers = {name: value for name, value in answer.headers.items() if name not in VARYING}
    if "Link" in headers:
        headers["Link"] = re.sub("cursor=[^>]*", "cursor", headers["Link"])
    body = re.sub(rb'"request_id":"[^"]*"|(?<="next_cursor":)"[^"]*"', b"", answer.body)
    headers.pop("Content-Length", None) if body != answer.body else None
    return answer.status, headers, body


async def both(service: Served, path: str, key: str, more: str = "") -> tuple[Said, Said]:
    """Ask the short way and the long one."""
    (one,) = await said(service, head(path, key, more))
    (other,) = await said(service, head(path, key, more + LONG))
    return one, other


class TestAnswer:
    """It is that of the long way."""

    @pytest.mark.parametrize(
        "more",
        [
            "",
            "Accept: */*\r\nUser-Agent: x\r\nX-Forwarded-For: 10.0.0.1\r\n",
            'If-None-Match: "{etag}"\r\n',
            'If-None-Match: W/"{etag}", "other"\r\n',
            "If-None-Match: *\r\n",
            'If-None-Match: "other"\r\n',
            "Connection: keep-alive\r\n",
            "authorization-like: x\r\n",
            "Request-Id: given-1\r\n",
            "Request-Id: not usable\r\n",
        ],
        ids=str,
    )
    async def test_of_what_is_there(
        self, service: Served, repository: Repository, tenant: Tenant, short: list[str], more: str
    ) -> None:
        """Status, headers and bytes."""
        made = await create(repository, tenant.author, "skill", skill_body(tags=["é"]))
        await warm(service, tenant.author.key)
        more = more.format(etag=made.etag)
        one, other = await both(service, f"/v1/skills/{made.id}", tenant.author.key, more)

        assert [str(made.id)] == short
        assert bare(other) == bare(one)
        assert {**one.headers}.keys() == {**other.headers}.keys()
        if "given-1" in more:
            assert "given-1" == one.headers["Request-Id"] == other.headers["Request-Id"]

    async def test_of_what_is_not_to_be_seen(
        self,
        service: Served,
        repository: Repository,
        tenant: Tenant,
        other_tenant: Tenant,
        short: list[str],
    ) -> None:
        """Absent, of another kind, another tenant's, another agent's draft: one answer."""
        draft = await create(repository, tenant.author, "skill", skill_body())
        await warm(service, tenant.author.key, tenant.certifier.key, other_tenant.author.key)
        seen = set()
        for path, key in (
            (f"/v1/skills/{uuid4()}", tenant.author.key),
            (f"/v1/skills/{draft.id}", tenant.certifier.key),
            (f"/v1/skills/{draft.id}", other_tenant.author.key),
        ):
            one, other = await both(service, path, key)
            assert bare(other) == bare(one)
            seen.add(bare(one)[2])
        one, other = await both(service, f"/v1/teams/{draft.id}", tenant.author.key)

        assert bare(other) == bare(one)
        assert (4, 1, 404) == (len(short), len(seen), one.status)

    @pytest.mark.parametrize(
        "path",
        [
            "/v1/skills",
            "/v1/skills?",
            "/v1/skills?limit=2",
            "/v1/skills?limit=2&tag=a+b",
            "/v1/skills?limit=2&tag=a%20b&status=draft",
            "/v1/skills?name=skill&limit=2",
            "/v1/skills?as_of=2020-01-01T00:00:00Z",
            "/v1/skills?limit=0",
            "/v1/skills?nonsense=1",
            "/v1/skills?limit=1&limit=1",
            "/v1/skills?tag=%zz",
            "/v1/skills?cursor=x",
            "/v1/teams",
            "/v1/entities?id={0}&id={1}&id={2}",
            "/v1/entities?id={2}",
            "/v1/entities",
            "/v1/entities?id=x",
        ],
        ids=str,
    )
    async def test_of_what_has_several(
        self, service: Served, repository: Repository, tenant: Tenant, short: list[str], path: str
    ) -> None:
        """Pages and their ends, filters, ids that are missing, and what is refused."""
        made = [
            str((await create(repository, tenant.author, "skill", skill_body(tags=["a b"]))).id)
            for _ in range(3)
        ]
        await warm(service, tenant.author.key)
        path = path.format(*made[:2], uuid4())
        one, other = await both(service, path, tenant.author.key)

        assert [path.partition("?")[0]] == short
        assert bare(other) == bare(one)
        assert {**one.headers}.keys() == {**other.headers}.keys()

    async def test_of_the_next_page(
        self, service: Served, repository: Repository, tenant: Tenant, short: list[str]
    ) -> None:
        """A cursor of one way is good on the other."""
        made = [
            str((await create(repository, tenant.author, "skill", skill_body())).id)
            for _ in range(5)
        ]
        await warm(service, tenant.author.key)
        seen: list[str] = []
        path: str | None = "/v1/skills?limit=1"
        while path is not None:
            more = LONG if len(seen) % 2 else ""
            (answer,) = await said(service, head(path, tenant.author.key, more))
            seen += [item["id"] for item in answer.json["items"]]
            found = re.match("<(.*)>", answer.headers.get("Link", ""))
            path = found and found[1]

        assert made[::-1] == seen
        assert 3 == len(short)

    async def test_is_that_of_the_long_way_when_many_ask(
        self,
        service: Served,
        repository: Repository,
        tenant: Tenant,
        other_tenant: Tenant,
        short: list[str],
    ) -> None:
        """Those that go with others, among other tenants', and those that are not there."""
        made = await create(repository, tenant.author, "skill", skill_body())
        await warm(service, tenant.author.key, other_tenant.author.key)
        asked = [
            (path, key)
            for path in (f"/v1/skills/{made.id}", f"/v1/teams/{made.id}", "/v1/skills?limit=3")
            for key in (tenant.author.key, other_tenant.author.key)
        ]
        wanted = [await both(service, *one) for one in asked]
        batcher, pages = service.repository.batcher, service.repository.pages
        sent = batcher.sent + pages.sent
        found = await asyncio.gather(*(said(service, head(*one)) for one in asked * 10))

        assert [bare(one) for one, _ in wanted] * 10 == [bare(one) for (one,) in found]
        assert batcher.sent + pages.sent - sent < 60
        assert 66 == len(short)

    async def test_is_that_of_a_failure_too(
        self,
        service: Served,
        tenant: Tenant,
        short: list[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A problem without anything of what went wrong, and the connection goes on."""
        await warm(service, tenant.author.key)

        async def failing(*_: object) -> None:
            raise RuntimeError("secret")

        monkeypatch.setattr(Repository, "maybe", failing)
        path = f"/v1/skills/{uuid4()}"
        one, other = await both(service, path, tenant.author.key)
        async with Wire.open(service.url) as wire:
            for _ in range(2):
                await wire.send(head(path, tenant.author.key).encode())
                (again,) = answers(await wire.read())
                assert 500 == again.status

        assert bare(other) == bare(one)
        assert 500 == one.status
        assert b"secret" not in one.body
        assert 3 == len(short)

    async def test_what_could_not_be_read_with_others_is_read_alone(
        self,
        cluster: Server,
        database: str,
        repository: Repository,
        tenant: Tenant,
        short: list[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Whatever fails in a batch is no answer."""
        made = await create(repository, tenant.author, "skill", skill_body())
        monkeypatch.setattr(Statement, "batched", "SELECT 1 / 0")
        async with Bench.open(cluster, database, tenant) as bench:
            async with bench.closed() as session:
                asked = [
                    asyncio.create_task(bench.api.get(f"/v1/skills/{made.id}")) for _ in range(3)
                ]
                await bench.waiting_backends(session, 1)
                await until(_count(short), lambda count: count == 3)
            found = await asyncio.gather(*asked)

        assert [200] * 3 == [answer.status for answer in found]

    @pytest.mark.parametrize("path", ["/v1/skills/{0}", "/v1/skills"])
    async def test_a_request_that_takes_too_long_ends(
        self, cluster: Server, database: str, tenant: Tenant, short: list[str], path: str
    ) -> None:
        """At the deadline of requests, as on the long way; also one that waits for others.

        The network is silent: all else that would end it comes half a minute later.
        """
        patient = dict.fromkeys(PATIENT, 30_000)
        async with through(
            cluster, database, tenant, request_timeout_ms=300, pool_max=4, **patient
        ) as (api, way):
            way.losing = True
            async with asyncio.timeout(20):
                found = await asyncio.gather(*(api.get(path.format(uuid4())) for _ in range(3)))
            way.losing = False

        assert 3 == len(short)
        assert [503] * 3 == [answer.status for answer in found]


class TestLongWay:
    """Whatever is unusual goes the long way."""

    @pytest.mark.parametrize(
        "text, status",
        [
            ("GET {path}? HTTP/1.1\r\nHost: plant\r\n{key}\r\n", 200),
            ("GET {path}?x=1 HTTP/1.1\r\nHost: plant\r\n{key}\r\n", 400),
            ("GET /v1/skills?tag=" + "x" * 5000 + " HTTP/1.1\r\nHost: plant\r\n{key}\r\n", 400),
            ("GET /v1/skills?name=" + "x" * 9000 + " HTTP/1.1\r\nHost: plant\r\n{key}\r\n", 400),
            ("GET {path}/ HTTP/1.1\r\nHost: plant\r\n{key}\r\n", 404),
            ("HEAD {path} HTTP/1.1\r\nHost: plant\r\n{key}\r\n", 200),
            ("DELETE {path} HTTP/1.1\r\nHost: plant\r\n{key}\r\n", 405),
            ("GET {path} HTTP/1.0\r\nHost: plant\r\n{key}\r\n", 200),
            ("GET {path} HTTP/1.1\r\nHost: plant\r\n\r\n", 401),
            ("GET {path} HTTP/1.1\r\n{key}\r\n", 400),
            ("GET {path} HTTP/1.1\r\nHost: plant\r\n{key}{key}\r\n", 400),
            ("GET {path} HTTP/1.1\r\nHost: plant\r\nhost: plant\r\n{key}\r\n", 400),
            ("GET {path} HTTP/1.1\r\nHost: plant\r\nX: \x01\r\n{key}\r\n", 400),
            ("GET {path} HTTP/1.1\r\nHost: plant\r\nX: \xe9\r\n{key}\r\n", 200),
            ("GET {path} HTTP/1.1\r\nHost: plant\r\nX(: x\r\n{key}\r\n", 400),
            ("GET {path} HTTP/1.1\r\nHost: plant\r\nX : x\r\n{key}\r\n", 400),
            ("GET {path} HTTP/1.1\r\nHost: plant\r\nX: " + "x" * 5000 + "\r\n{key}\r\n", 200),
            ("GET {path} HTTP/1.1\r\nHost: plant\r\nConnection: close\r\n{key}\r\n", 200),
            ("GET {path} HTTP/1.1\r\nHost: plant\r\nContent-Length: 0\r\n{key}\r\n", 200),
            ("GET {path} HTTP/1.1\r\nHost: plant\r\nContent-Length: 1\r\n{key}\r\nx", 200),
            ("GET {path} HTTP/1.1\r\nHost: plant\r\nExpect: x\r\n{key}\r\n", 400),
            ("GET {path} HTTP/1.1\r\nHost: plant\r\nIf-None-Match: x\r\n{key}\r\n", 400),
            ("GET {path} HTTP/1.1\r\nHost: plant\r\nPrefer: replica\r\n{key}\r\n", 200),
            ("GET {path} HTTP/1.1\r\nHost: plant\r\nAuthorization: Bearer x\r\n\r\n", 401),
            ("GET {path} HTTP/1.1\r\nHost: plant\r\nAuthorization: Bearer a.b.c\r\n\r\n", 401),
        ],
        ids=str,
    )
    async def test_and_is_answered_there(
        self,
        service: Served,
        repository: Repository,
        tenant: Tenant,
        short: list[str],
        text: str,
        status: int,
    ) -> None:
        """As ever."""
        made = await create(repository, tenant.author, "skill", skill_body())
        await warm(service, tenant.author.key)
        given = {
            "path": f"/v1/skills/{made.id}",
            "key": f"Authorization: Bearer {tenant.author.key}\r\n",
        }
        (answer,) = await said(service, text.format(**given))

        assert ([], status) == (short, answer.status)

    async def test_as_does_a_key_that_may_not_read(
        self, service: Served, owner: Repository, tenant: Tenant, short: list[str]
    ) -> None:
        """The scope is asked for on both ways."""
        writer = (await make_actor(owner, tenant.name, "writer", ["write"]))[1]
        await warm(service, writer.key)
        (answer,) = await said(service, head(f"/v1/skills/{uuid4()}", writer.key))

        assert ([], 403) == (short, answer.status)

    async def test_as_does_what_is_deprecated(
        self,
        service: Served,
        tenant: Tenant,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Its answers have fields that only the long way writes."""
        await warm(service, tenant.author.key)
        for route in ("/v1/skills/{id}", "/v1/teams", "/v1/entities"):
            monkeypatch.setitem(service.app[DEPRECATED], ("GET", route), {})
        reads = ShortReads(service.app)
        lines = head("/", tenant.author.key).partition("\r\n")[2].encode()
        known = reads.known(lines)
        assert known is not None
        targets = [
            f"/v1/skills/{uuid4()}",
            "/v1/skills",
            f"/v1/teams/{uuid4()}",
            "/v1/teams?limit=1",
        ]
        targets.append(f"/v1/entities?id={uuid4()}")
        found = [reads.read(Request("GET", one, b"", whole=True), known) for one in targets]

        assert [True, False, False, True, True] == [one is None for one in found]


class TestConnection:
    """One request at a time, whatever comes meanwhile."""

    async def test_requests_behind_each_other_are_answered_in_their_order(
        self, service: Served, repository: Repository, tenant: Tenant, short: list[str]
    ) -> None:
        """Short ones, long ones, and those that come in pieces."""
        made = [await create(repository, tenant.author, "skill", skill_body()) for _ in range(3)]
        key = tenant.author.key
        await warm(service, key)
        asked = [
            head(f"/v1/skills/{made[0].id}", key, "Request-Id: r0\r\n"),
            head("/v1/me", key, "Request-Id: r1\r\n"),
            head(f"/v1/skills/{made[1].id}", key, "Request-Id: r2\r\n"),
            head(f"/v1/skills/{made[2].id}", key, "Request-Id: r3\r\n" + LONG),
            head(f"/v1/skills/{made[1].id}", key, "Request-Id: r4\r\n"),
        ]
        wanted = [f"r{number}" for number in range(5)]
        whole = await said(service, "".join(asked))
        text = "".join(asked).encode()
        for size in (7, 200, 400):
            async with Wire.open(service.url) as wire:
                for start in range(0, len(text), size):
                    await wire.send(text[start : start + size])
                    await asyncio.sleep(0)
                found = b""
                while found.count(b"HTTP/1.1 200") < len(asked):
                    found += await wire.read()
            assert wanted == [one.headers["Request-Id"] for one in answers(found)]

        assert wanted == [one.headers["Request-Id"] for one in whole]

    async def test_what_comes_meanwhile_waits_and_is_bounded(
        self,
        cluster: Server,
        database: str,
        tenant: Tenant,
        short: list[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Beyond the bound nothing more is read, and all of it is answered afterwards."""
        kept: list[int] = []
        wait = short_way.ShortWay.wait

        def noted(way: short_way.ShortWay, data: bytes) -> None:
            wait(way, data)
            kept.append(way.waiting)

        monkeypatch.setattr(short_way.ShortWay, "wait", noted)
        async with Bench.open(cluster, database, tenant) as bench:
            await bench.api.get("/v1/me")
            asked = head(f"/v1/skills/{uuid4()}", tenant.author.key).encode()
            me = head("/v1/me", tenant.author.key, "X: " + "x" * 4000 + "\r\n").encode()
            async with Wire.open(bench.api.url) as wire, asyncio.timeout(30):
                async with bench.closed() as session:
                    await wire.send(asked)
                    await bench.waiting_backends(session, 1)
                    sending = asyncio.create_task(wire.send(me * 100))
                    await until(_last(kept), lambda size: size > short_way.BEHIND_MAX)
                found = b""
                while found.count(b"HTTP/1.1 200") < 100:
                    found += await wire.read()
                await sending

        assert max(kept) < short_way.BEHIND_MAX + 2**18
        assert b" 404 " in found.splitlines()[0]
        assert 1 == len(short)

    async def test_it_lives_on_as_any_connection_does(
        self, cluster: Server, database: str, tenant: Tenant, short: list[str]
    ) -> None:
        """For as long as one lives that is idle, from its last answer on, and no longer."""
        url = cluster.url("app", database)
        async with served(SMALL, url, keepalive_timeout=0.5) as service:
            await warm(service, tenant.author.key)
            asked = head(f"/v1/skills/{uuid4()}", tenant.author.key).encode()
            begun = asyncio.get_running_loop().time()
            async with Wire.open(service.url) as wire, asyncio.timeout(10):
                for _ in range(20):
                    await wire.send(asked)
                    assert b" 404 " in (await wire.read()).splitlines()[0]
                    await asyncio.sleep(0.05)
                lived = asyncio.get_running_loop().time() - begun
                assert b"" == await wire.rest()

        assert lived > 0.5
        assert 20 == len(short)

    async def test_the_end_of_the_service_waits_for_it(
        self, cluster: Server, database: str, tenant: Tenant, short: list[str]
    ) -> None:
        """What is under way is answered, and what comes behind it is not begun."""
        async with (
            Bench.open(cluster, database, tenant) as bench,
            served(SMALL, cluster.url("app", database)) as service,
        ):
            await warm(service, tenant.author.key)
            asked = head(f"/v1/skills/{uuid4()}", tenant.author.key).encode()
            async with Wire.open(service.url) as wire:
                async with bench.closed() as session:
                    await wire.send(asked)
                    await bench.waiting_backends(session, 1)
                    ending = asyncio.create_task(service.end())
                    await until(_held_up(service), bool)
                found = await wire.rest()
                await ending

        assert [404] == [one.status for one in answers(found)]
        assert 1 == len(short)

    async def test_who_goes_away_leaves_nothing_behind(
        self, cluster: Server, database: str, tenant: Tenant, short: list[str]
    ) -> None:
        """Neither a place at the door nor a connection to the database."""
        async with (
            Bench.open(cluster, database, tenant) as bench,
            served(SMALL, cluster.url("app", database)) as service,
        ):
            await warm(service, tenant.author.key)
            asked = head(f"/v1/skills/{uuid4()}", tenant.author.key).encode()
            async with bench.closed() as session:
                for _ in range(3):
                    async with Wire.open(service.url) as wire:
                        await wire.send(asked)
                        await until(_count(short), bool)
                        wire.reset()
                    short.clear()
                await until(service.clients, lambda count: count == 0)
                assert 0 == service.repository.reads.entrance.waiting
                assert session is not None
            await service.free()


def _last(values: list[int]) -> Callable[[], Awaitable[int]]:
    async def found() -> int:
        return values[-1] if values else 0

    return found


def _count(values: list[str]) -> Callable[[], Awaitable[int]]:
    async def found() -> int:
        return len(values)

    return found


def _held_up(service: Served) -> Callable[[], Awaitable[bool]]:
    async def found() -> bool:
        return any(isinstance(one, Protocol) and one.is_ending for one in service.connections)

    return found
