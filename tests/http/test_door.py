"""Who would wait in vain is refused before anything is spent on the request."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from urllib.parse import urlsplit

import msgspec
import pytest

from service.database.gate import Gate
from tests.api import Api
from tests.bench import SMALL, Bench, unavailable, until
from tests.edge import Wire, large_skill, served
from tests.factories import Tenant, skill_body
from tests.postgres import Server

ROOM_FOR_ONE = {"pool_max": 4, "waiting_max": 1, "acquire_timeout_ms": 5_000}
"""One connection for reads and one for writes, and nobody gives up while a test looks."""


@asynccontextmanager
async def crowded(cluster: Server, database: str, tenant: Tenant) -> AsyncIterator[Bench]:
    """Have a service whose connections are all lent, and as many waiting as may."""
    async with (
        Bench.open(cluster, database, tenant, **ROOM_FOR_ONE) as bench,
        bench.closed() as session,
    ):
        # A creation by itself would leave its connection while it waits for the lock.
        steps = {"operations": [{"op": "create", "kind": "skill", "body": skill_body()}]}
        there = [asyncio.create_task(bench.api.get("/v1/skills"))]
        there += [asyncio.create_task(bench.api.post("/v1/batch", steps))]
        await bench.waiting_backends(session, 2)
        there += [asyncio.create_task(bench.api.get("/v1/skills"))]
        there += [asyncio.create_task(bench.api.post("/v1/batch", steps))]
        for pool in ("read", "write"):
            await until(partial(bench.metrics, pool), lambda found: found["plant_pool_waiting"])
        yield bench
        for one in there:
            one.cancel()
        await asyncio.gather(*there, return_exceptions=True)


@pytest.mark.parametrize(
    "method,path", [("GET", "/v1/skills"), ("GET", "/v1/nowhere"), ("POST", "/v1/skills")]
)
async def test_it_is_503_before_anything_is_looked_at(
    cluster: Server, database: str, tenant: Tenant, method: str, path: str
) -> None:
    """Path, key and body are not looked at, and the answer says what every refusal says."""
    async with crowded(cluster, database, tenant) as bench:
        body = b"{" if method == "POST" else None
        headers = {"Authorization": None, "Request-Id": "asked-0001"}
        answer = await bench.api.send(method, path, raw=body, headers=headers)
        unavailable(answer)
        assert "asked-0001" == answer.headers["Request-Id"] == answer.json["request_id"]
        assert "plant" == answer.headers["Server"]


async def test_a_head_has_no_body(cluster: Server, database: str, tenant: Tenant) -> None:
    """HEAD is refused as GET is, and the connection goes on."""
    async with crowded(cluster, database, tenant) as bench:
        for _ in range(2):
            answer = await bench.api.send("HEAD", "/v1/skills")
            assert (503, b"") == (answer.status, answer.body)


@pytest.mark.parametrize(
    "method,path,body,expected",
    [
        ("GET", "/v1/skills", None, [1, 0]),
        ("POST", "/v1/skills", {}, [0, 1]),
        ("POST", "/v1/search", {}, [1, 0]),
        ("POST", "/v1/search?limit=3", {}, [1, 0]),
        ("POST", "/v1/search/duplicates", {}, [1, 0]),
        ("POST", "/v1/match", {}, [1, 0]),
        ("POST", "/v1/imports", {}, [0, 1]),
    ],
)
async def test_it_is_counted_where_it_would_have_waited(
    cluster: Server,
    database: str,
    tenant: Tenant,
    method: str,
    path: str,
    body: dict[str, str] | None,
    expected: list[int],
) -> None:
    """By its pool: that of reads for all that only reads, with a body or without."""
    async with crowded(cluster, database, tenant) as bench:
        before = await bench.metrics("read"), await bench.metrics("write")
        unavailable(await bench.api.send(method, path, body))
        after = await bench.metrics("read"), await bench.metrics("write")
        moved = [
            new["plant_pool_refused_total"] - old["plant_pool_refused_total"]
            for old, new in zip(before, after, strict=True)
        ]
        assert expected == moved
        text = (await bench.api.get("/metrics")).body.decode()
        counted = f'plant_http_requests_total{{method="{method}",route="refused",status="503"}} 1.0'
        assert counted in text


async def test_health_and_metrics_answer(cluster: Server, database: str, tenant: Tenant) -> None:
    """What an operator looks at first is not refused at the door."""
    async with crowded(cluster, database, tenant) as bench:
        for path in ("/livez", "/metrics"):
            assert 200 == (await bench.api.get(path)).status


GET = b"GET /v1/skills HTTP/1.1\r\nHost: plant\r\nRequest-Id: asked-0001\r\n"
POST = GET.replace(b"GET", b"POST")
IMPORT = POST.replace(b"/v1/skills", b"/v1/imports") + b"Content-Type: application/x-ndjson\r\n"
BODY = msgspec.json.encode(skill_body())
CREATE = POST + b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(BODY)
SLOW = {"Content-Type": "application/json", "Content-Length": "9"}
ENDS = {
    "whole": ([GET + b"\r\n"], 1),
    "with a body": ([POST + b"Content-Length: 2\r\n\r\n{}"], 1),
    "in two pieces": ([GET, b"\r\n"], 1),
    "its body later": ([POST + b"Content-Length: 2\r\n\r\n", b"{}"], 1),
    "two at once": ([GET + b"\r\n" + GET + b"\r\n"], 2),
    "one and a half": ([GET + b"\r\n" + GET, b"\r\n"], 2),
    "kept alive in words": ([GET + b"Connection: keep-alive\r\n\r\n"], 1),
    "in chunks": ([POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"], 1),
}


async def said(line: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Read one answer: its head without what differs each time, and its body."""
    head = await line.readuntil(b"\r\n\r\n")
    length = int(re.findall(rb"Content-Length: (\d+)", head)[0])
    lines = sorted(one for one in head.split(b"\r\n") if not one.startswith(b"Date: "))
    assert re.search(rb"\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n", head)
    return b"\r\n".join(lines), await line.readexactly(length)


@asynccontextmanager
async def line(
    url: str,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Have a connection."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        yield reader, writer
    finally:
        writer.close()


class TestWire:
    """However a request comes, it gets the same bytes."""

    @pytest.mark.parametrize("pieces,count", ENDS.values(), ids=ENDS)
    async def test_the_answer_is_the_same_however_it_comes(
        self, cluster: Server, database: str, tenant: Tenant, pieces: list[bytes], count: int
    ) -> None:
        """As a whole or in pieces, refused before it is parsed or after, and again after that."""
        async with (
            crowded(cluster, database, tenant) as bench,
            line(bench.api.url) as (reader, writer),
        ):
            # One that is parsed in any case: it says something unusual.
            writer.write(GET + b"Expect: 100-continue\r\n\r\n")
            expected = await said(reader)
            assert b"HTTP/1.1 503 Service Unavailable" in expected[0].split(b"\r\n")
            for _ in range(2):
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
                for _ in range(count):
                    assert expected == await said(reader)

    async def test_a_connection_that_is_to_end_ends(
        self, cluster: Server, database: str, tenant: Tenant
    ) -> None:
        """`Connection: close` is done, after the answer."""
        async with (
            crowded(cluster, database, tenant) as bench,
            line(bench.api.url) as (reader, writer),
        ):
            writer.write(GET + b"Connection: close\r\n\r\n")
            assert b" 503 " in await reader.readline()
            assert b'"request_id":"asked-0001"' in await reader.read()

    @pytest.mark.parametrize(
        "request_",
        [POST + b"Content-Length: 1x\r\n\r\n{", b"GET /v1/ HTTP\r\n\r\n"],
    )
    async def test_what_cannot_be_parsed_is_400(
        self, cluster: Server, database: str, tenant: Tenant, request_: bytes
    ) -> None:
        """A busy service is no less strict."""
        async with (
            crowded(cluster, database, tenant) as bench,
            line(bench.api.url) as (reader, writer),
        ):
            writer.write(request_)
            assert b" 400 " in await reader.readline()

    @pytest.mark.parametrize("line_", [b"a::::\r\n", b"a:b:c:d e:f\r\n"])
    async def test_many_colons_take_no_time(
        self, cluster: Server, database: str, tenant: Tenant, line_: bytes
    ) -> None:
        """A head can be read in one way only, however it fails in the end."""
        async with (
            crowded(cluster, database, tenant) as bench,
            line(bench.api.url) as (reader, writer),
        ):
            writer.write(GET + line_ * 100 + b"broken\r\n\r\n")
            assert b" 400 " in await reader.readline()

    async def test_a_length_that_is_none_is_not_overlooked(
        self, cluster: Server, database: str, tenant: Tenant
    ) -> None:
        """Who reads it otherwise than a proxy before it takes a body for the next request."""
        async with (
            crowded(cluster, database, tenant) as bench,
            line(bench.api.url) as (reader, writer),
        ):
            writer.write(POST + b"Content-Length: 2;3\r\n\r\n")
            assert b" 400 " in await reader.readline()


class TestEntrance:
    """Requests that were let in and are not answered yet."""

    async def test_everybody_who_was_let_in_is_out_again(
        self, cluster: Server, database: str, tenant: Tenant
    ) -> None:
        """Answered, refused, failed, cut in the middle of a head, a body or an answer."""
        key = f"Authorization: Bearer {tenant.author.key}\r\n".encode()
        async with served(SMALL, cluster.url("app", database)) as service:

            async def inside() -> int:
                found = service.repository
                return found.pool.entrance.waiting + found.reads.entrance.waiting

            ends = [
                GET + key + b"\r\n",
                GET + b"\r\n",
                GET,
                POST + key + b"Content-Length: 2\r\n\r\n{}",
                POST + key + b"Content-Length: 200\r\n\r\n{",
                GET + key + b"\r\n" + GET + key + b"\r\n" + GET,
                b"nothing\r\n\r\n",
                # Its handler ends with its client.
                IMPORT + key + b"Content-Length: 200\r\n\r\n{",
            ]
            for reset in (False, True):
                for sent in ends:
                    async with Wire.open(service.url) as wire:
                        await wire.send(sent)
                        if reset:
                            wire.reset()
            await until(inside, lambda count: count == 0)
            async with line(service.url) as (reader, writer):
                for _ in range(3):
                    writer.write(GET + key + b"\r\n")
                    await said(reader)
                    assert 0 == await inside()

    @pytest.mark.parametrize(
        "pieces",
        [
            pytest.param([GET + b"\r\n"], id="whole"),
            pytest.param([CREATE + b"\r\n", BODY], id="its body later"),
            pytest.param([GET, b"\r\n"], id="in two pieces"),
        ],
    )
    async def test_what_the_service_works_on_is_counted(
        self, cluster: Server, database: str, tenant: Tenant, pieces: list[bytes]
    ) -> None:
        """From its last byte on, however it came, and what its client keeps back is not."""
        key = f"Authorization: Bearer {tenant.author.key}\r\n".encode()
        pieces = [pieces[0].replace(b"Host: plant\r\n", b"Host: plant\r\n" + key), *pieces[1:]]
        async with served(SMALL, cluster.url("app", database)) as service:
            found = service.repository

            async def inside() -> int:
                return found.pool.entrance.waiting + found.reads.entrance.waiting

            async with (
                Bench.open(cluster, database, tenant) as bench,
                bench.closed(),
                line(service.url) as (_, writer),
            ):
                for piece in pieces[:-1]:
                    writer.write(piece)
                    await until(service.clients, lambda count: count == 1)
                    assert 0 == await inside()
                writer.write(pieces[-1])
                await until(inside, lambda count: count == 1)
            await until(inside, lambda count: count == 0)

    async def test_who_keeps_the_service_waiting_is_not_counted(
        self, cluster: Server, database: str, tenant: Tenant
    ) -> None:
        """Bodies that do not come and answers that nobody takes are no work."""
        async with (
            served(SMALL, cluster.url("app", database)) as service,
            Api.open(service.url, tenant) as api,
            AsyncExitStack() as stack,
        ):
            made = (await api.create("skill", **large_skill())).json["id"]
            for _ in range(4):
                slow = await stack.enter_async_context(Wire.open(service.url))
                await slow.ask(tenant.author, "/v1/skills", "POST", SLOW)
                reader = await stack.enter_async_context(Wire.open(service.url))
                await reader.ask(tenant.author, f"/v1/skills/{made}")
                await until(reader.answered, bool)
            await until(service.clients, lambda count: count == 9)
            found = service.repository
            assert (0, 0) == (found.pool.entrance.waiting, found.reads.entrance.waiting)

    @pytest.mark.parametrize(
        "pieces",
        [
            pytest.param([POST + b"Content-Length: 0\r\n\r\n"], id="whole"),
            pytest.param([POST + b"Content-Length: 2\r\n\r\n", b"{}"], id="its body later"),
            pytest.param([POST, b"Content-Length: 0\r\n\r\n"], id="in two pieces"),
            pytest.param([POST.replace(b"/v1", b"/%76%31") + b"\r\n"], id="another path"),
            pytest.param(
                [POST.replace(b" /v1", b" http://127.0.0.1/v1") + b"\r\n"], id="an address"
            ),
            pytest.param([POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"], id="chunked"),
        ],
    )
    async def test_whoever_knows_another_way_gets_in_no_sooner(
        self, cluster: Server, database: str, pieces: list[bytes]
    ) -> None:
        """Where too many are under way everybody is refused, and what is elsewhere is not."""
        async with served(SMALL, cluster.url("app", database)) as service:
            service.repository.pool.entrance = Gate(0, 1.0)
            async with line(service.url) as (reader, writer):
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
                assert b" 503 " in (await said(reader))[0]
            async with line(service.url) as (reader, writer):
                writer.write(GET.replace(b"/v1/skills", b"/livez") + b"\r\n")
                assert b" 200 " in await reader.readline()


class TestFraming:
    """Nobody writes the first lines of another's request."""

    @pytest.mark.parametrize(
        "first,answers",
        [
            pytest.param(GET + b"\r\n" + GET + b"\r\n" + GET + b"X-A: ", 2, id="two and a part"),
            pytest.param(
                POST + b"Content-Length: 2\r\n\r\n{}" + GET + b"X-A: ", 1, id="behind a body"
            ),
        ],
    )
    async def test_what_may_be_the_middle_of_a_request_is_no_beginning(
        self, cluster: Server, database: str, tenant: Tenant, first: bytes, answers: int
    ) -> None:
        """Bytes that look like a whole request are not taken for one behind half a head."""
        async with (
            crowded(cluster, database, tenant) as bench,
            line(bench.api.url) as (reader, writer),
        ):
            writer.write(first)
            for _ in range(answers):
                assert b" 503 " in (await said(reader))[0]
            # To the parser it is the value of X-A, and a second Host.
            writer.write(POST + b"\r\n")
            assert b" 400 " in await reader.readline()

    async def test_two_lengths_are_two_also_side_by_side(
        self, cluster: Server, database: str, tenant: Tenant
    ) -> None:
        """A chain of servers of which each takes another one would be of two minds."""
        async with (
            crowded(cluster, database, tenant) as bench,
            line(bench.api.url) as (reader, writer),
        ):
            writer.write(POST + b"Content-Length: 2\r\nContent-Length: 60\r\n\r\n{}")
            assert b" 400 " in await reader.readline()
