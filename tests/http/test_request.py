"""The edge of the service on a real socket: requests read, refusals answered, nothing leaked."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import asyncpg
import pytest
from aiohttp import web

from service import errors
from service.catalog.load import load
from service.database.pool import Pool
from service.http import bodies, middleware, request, sent
from service.http.accept import accepted
from service.http.metrics import METRICS, Metrics
from service.http.reading import REPOSITORY
from service.http.runner import Runner
from service.model.decode import payload
from service.model.documents import SkillCreate, SkillPatch
from service.model.kinds import KINDS
from service.model.query import list_query
from service.repository.base import Repository
from service.settings import Settings
from service.usecases.large import Large
from tests.catalogued import strays

ID = "0190a1b2-0000-7000-8000-000000000001"
GOOD = b'{"name":"Go","description":"d","category":"technical"}'
SECRET = "row with a secret"


class Answer(NamedTuple):
    """What came back over the socket."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        """Give the members of a problem, which it must be."""
        assert self.headers["content-type"] == "application/problem+json"
        members: dict[str, Any] = json.loads(self.body)
        assert members["status"] == self.status
        assert members["request_id"] == self.headers["request-id"]
        assert self.headers["cache-control"] == "no-store"
        return members

    @property
    def slug(self) -> str:
        """Give the slug of a problem."""
        return str(self.problem["type"]).removeprefix("/docs/errors#")


class Service(NamedTuple):
    """A server on a port of its own."""

    port: int

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Open a connection that is closed in the end, and wait for nothing longer than 20 s."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.timeout(20):
                yield reader, writer
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def raw(self, data: bytes) -> Answer:
        """Send bytes as they are and read one answer."""
        async with self.connection() as (reader, writer):
            writer.write(data)
            return await read_answer(reader, bodyless=data.startswith(b"HEAD"))

    async def send(
        self, method: str, target: str, body: bytes = b"", **headers: str | list[str]
    ) -> Answer:
        """Send one request; underscores in names of headers stand for hyphens."""
        lines = [f"{method} {target} HTTP/1.1", "Host: test"]
        for name, values in headers.items():
            each = values if isinstance(values, list) else [values]
            lines += [f"{name.replace('_', '-')}: {value}" for value in each]
        if body or method in {"POST", "PATCH"}:
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
        return await self.raw(head + body)


async def read_answer(reader: asyncio.StreamReader, *, bodyless: bool = False) -> Answer:
    """Read one response with Content-Length; the one to HEAD has it without a body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    length = 0 if bodyless else int(headers.get("content-length", 0))
    body = await reader.readexactly(length)
    assert [] == strays("", int(first.split()[1]), headers, body)
    return Answer(int(first.split()[1]), headers, body)


def refuse(problem: errors.Problem | Exception, *before: Callable[[web.Request], None]) -> Any:
    """Make a handler that raises; some things happen before."""

    async def handler(http: web.Request) -> web.Response:
        for happens in before:
            happens(http)
        raise problem

    return handler


async def create(http: web.Request) -> web.Response:
    """Read a body of JSON."""
    return web.Response(body=payload(await bodies.read_json(http, SkillCreate)))


async def patch(http: web.Request) -> web.Response:
    """Read a merge patch."""
    body = await bodies.read_json(http, SkillPatch, request.MERGE_PATCH, 1000)
    return web.Response(body=payload(body))


async def framework(http: web.Request) -> web.Response:
    """Raise an exception of aiohttp's by its name."""
    name = http.match_info["name"]
    kind = getattr(web, name)
    if name == "HTTPRequestEntityTooLarge":
        raise kind(max_size=1, actual_size=2)
    raise kind(None) if name == "HTTPUnavailableForLegalReasons" else kind


async def fail_on_expectation(_: web.Request) -> None:
    """Fail where no middleware is."""
    raise RuntimeError(SECRET)


async def hasty(http: web.Request) -> web.Response:
    """Read a body that has to come quickly."""
    return web.Response(body=await request.read_body(http, within_s=0.1))


async def item(http: web.Request) -> web.Response:
    """Read id, key, conditions and the type to answer with."""
    found = {
        "id": request.path_id(http),
        "key": request.bearer(http),
        "if_match": request.if_match(http).strong,
        "if_none_match": getattr(request.if_none_match(http), "strong", None),
        "accepted": accepted(http, "application/json", "text/plain"),
    }
    return web.json_response(found)


async def listed(http: web.Request) -> web.Response:
    """Read a list query."""
    query = list_query(request.raw_query(http), KINDS["skills"])
    return web.json_response(query.filters)


async def broken_stream(http: web.Request) -> web.StreamResponse:
    """Fail when half of the answer is out."""
    stream = web.StreamResponse()
    await stream.prepare(http)
    await stream.write(b"half")
    raise RuntimeError(SECRET)


async def stream(http: web.Request) -> web.StreamResponse:
    """Answer piece by piece."""
    answer = web.StreamResponse(headers={"Content-Length": "2"})
    await answer.prepare(http)
    await answer.write(b"ok")
    await answer.write_eof()
    return answer


def database_error(code: str) -> Exception:
    """Make an error of the server that quotes a row."""
    fields = {"C": code, "M": SECRET, "D": SECRET, "S": "ERROR"}
    error: Exception = asyncpg.PostgresError.new(fields, query=SECRET)
    return error


def build() -> web.Application:
    """Make an application with one handler per behaviour."""
    app = web.Application()
    # What the door in front of it asks; nothing here needs a connection.
    repository = Repository(load(), Pool("postgresql://nowhere/nothing", Settings()))
    app[REPOSITORY], app[METRICS] = repository, Metrics(repository)
    app[bodies.LARGE] = Large()
    middleware.install(app)
    add = app.router.add_route
    add("POST", "/create", create)
    add("PATCH", "/create", patch)
    add("POST", "/hasty", hasty)
    add("GET", "/framework/{name}", framework)
    add("GET", "/outside", listed, expect_handler=fail_on_expectation)
    add("GET", "/item/{id}", item)
    add("GET", "/list", listed)
    add("GET", "/stream", stream)
    add("GET", "/broken-stream", broken_stream)
    add("GET", "/moved", refuse(web.HTTPFound("/list")))
    add("GET", "/bug", refuse(RuntimeError(SECRET)))
    for path, error in (("/late", TimeoutError()), ("/lost", database_error("08006"))):
        add("*", path, refuse(error))
        add("POST", f"{path}/sent", refuse(error, sent.begin))
        add("POST", f"{path}/refused", refuse(error, sent.begin, sent.settle))
    add("GET", "/taken", refuse(database_error("23505")))
    stale = errors.PreconditionFailed(extensions={"current_etag": '"b"'})
    add("GET", "/problem/stale", refuse(stale))
    for slug, problem in errors.BY_SLUG.items():
        add("GET", f"/problem/{slug}", refuse(problem()))
    return app


@pytest.fixture(scope="module")
async def service() -> AsyncIterator[Service]:
    """Serve the application on a free port."""
    runner = Runner(build(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield Service(runner.addresses[0][1])
    await runner.cleanup()


class TestProblems:
    """Every refusal is a problem with a request id, whoever raised it."""

    @pytest.mark.parametrize("slug", errors.BY_SLUG)
    async def test_each_class_keeps_its_status_and_words(self, service: Service, slug: str) -> None:
        """What a handler raises is what the client reads."""
        answer = await service.send("GET", f"/problem/{slug}")
        expected = errors.BY_SLUG[slug]

        assert slug == answer.slug
        assert expected.status == answer.status
        assert expected().detail == answer.problem["detail"]

    async def test_retry_after_repeats_the_member(self, service: Service) -> None:
        """503 and 429 say when to come back, in the header too."""
        for slug in ("unavailable", "rate-limited"):
            answer = await service.send("GET", f"/problem/{slug}")
            assert answer.headers["retry-after"] == str(answer.problem["retry_after_s"]) == "1"

    async def test_401_names_the_scheme(self, service: Service) -> None:
        """RFC 9110 wants a challenge."""
        answer = await service.send("GET", "/problem/unauthenticated")

        assert answer.headers["www-authenticate"] == 'Bearer realm="plant", error="invalid_token"'

    async def test_412_gives_the_current_tag(self, service: Service) -> None:
        """The header ETag repeats current_etag."""
        answer = await service.send("GET", "/problem/stale")

        assert answer.headers["etag"] == answer.problem["current_etag"] == '"b"'

    async def test_an_unknown_path_is_a_problem(self, service: Service) -> None:
        """The framework's own 404 is ours."""
        answer = await service.send("GET", "/nowhere")

        assert (answer.status, answer.slug) == (404, "unknown-path")

    async def test_a_wrong_method_names_the_right_ones(self, service: Service) -> None:
        """405 lists what is allowed, in Allow too."""
        answer = await service.send("DELETE", "/create")

        assert (answer.status, answer.slug) == (405, "method-not-allowed")
        assert answer.problem["allowed"] == ["PATCH", "POST"]
        assert answer.headers["allow"] == "PATCH, POST"

    async def test_a_redirection_is_no_error(self, service: Service) -> None:
        """Only refusals become problems."""
        answer = await service.send("GET", "/moved")

        assert (answer.status, answer.headers["location"]) == (302, "/list")
        assert "request-id" in answer.headers

    @pytest.mark.parametrize(
        "name,status,slug",
        [
            ("HTTPRequestEntityTooLarge", 413, "body-too-large"),
            ("HTTPUnavailableForLegalReasons", 400, "malformed-request"),
            ("HTTPBadGateway", 500, "defect"),
        ],
    )
    async def test_other_refusals_of_the_framework_become_ours(
        self, service: Service, name: str, status: int, slug: str
    ) -> None:
        """Whatever aiohttp may raise, the answer is one of our types."""
        answer = await service.send("GET", f"/framework/{name}")

        assert (answer.status, answer.slug) == (status, slug)

    async def test_a_bug_outside_of_every_handler_is_answered_too(
        self, service: Service, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What fails before a middleware runs is 500 as a problem, and logged."""
        answer = await service.send("GET", "/outside", Expect="100-continue")

        assert (answer.status, answer.slug) == (500, "defect")
        assert SECRET.encode() not in answer.body
        assert SECRET in caplog.text

    async def test_a_bug_is_logged_and_not_shown(
        self, service: Service, caplog: pytest.LogCaptureFixture
    ) -> None:
        """500 tells the client an id, and the log what lies behind it."""
        answer = await service.send("GET", "/bug?key=private", Request_Id="abc-1")

        assert (answer.status, answer.slug) == (500, "defect")
        assert SECRET.encode() not in answer.body
        assert "abc-1" in caplog.text
        assert SECRET in caplog.text
        assert "private" not in caplog.text

    async def test_a_refusal_is_not_logged_as_an_error(
        self, service: Service, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What the client did wrong is not the operator's worry."""
        with caplog.at_level(logging.INFO):
            await service.send("GET", "/nowhere")
            await service.raw(b"\x16\x03\x01 no HTTP\r\n\r\n")

        assert caplog.records == []

    async def test_an_error_of_the_database_shows_nothing(self, service: Service) -> None:
        """Neither row nor statement reaches the client."""
        answer = await service.send("GET", "/taken")

        assert (answer.status, answer.slug) == (409, "conflict")
        assert SECRET.encode() not in answer.body

    @pytest.mark.parametrize("path", ["/late", "/lost"])
    async def test_only_what_was_sent_is_unknown(self, service: Service, path: str) -> None:
        """Whatever the method: what was not sent, or was refused, has certainly done nothing."""
        assert (await service.send("GET", path)).slug == "unavailable"
        assert (await service.send("POST", path)).slug == "unavailable"
        assert (await service.send("POST", f"{path}/sent")).slug == "outcome-unknown"
        assert (await service.send("POST", f"{path}/refused")).slug == "unavailable"

    async def test_a_stream_that_fails_is_cut(
        self, service: Service, caplog: pytest.LogCaptureFixture
    ) -> None:
        """No second answer is written into the first, and the log has the cause."""
        async with service.connection() as (reader, writer):
            writer.write(b"GET /broken-stream HTTP/1.1\r\nHost: test\r\n\r\n")
            everything = await reader.read()

        assert everything.endswith(b"4\r\nhalf\r\n")
        assert SECRET in caplog.text

    async def test_head_has_no_body(self, service: Service) -> None:
        """A refused HEAD is headers only."""
        answer = await service.raw(
            b"HEAD /nowhere HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"
        )

        assert answer.status == 404
        assert answer.headers["content-type"] == "application/problem+json"


PACKED = (
    b"POST /create HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: %%b\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(GOOD), GOOD)
)
"""A good body in chunks, which are said to be of some coding."""

HOSTILE = {
    "no http": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n",
    "no method": b"/create HTTP/1.1\r\nHost: t\r\n\r\n",
    "odd method": b"G@T / HTTP/1.1\r\nHost: t\r\n\r\n",
    "odd version": b"GET / HTTP/9.7\r\nHost: t\r\n\r\n",
    "nul in a header": b"GET /list HTTP/1.1\r\nHost: t\r\nX: a\x00b\r\n\r\n",
    "header without colon": b"GET /list HTTP/1.1\r\nHost: t\r\nnonsense\r\n\r\n",
    "space before colon": b"GET /list HTTP/1.1\r\nHost : t\r\n\r\n",
    "long line": b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: t\r\n\r\n",
    "long header": b"GET / HTTP/1.1\r\nHost: t\r\nX: " + b"a" * 10_000 + b"\r\n\r\n",
    "negative length": b"POST /create HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\n",
    "odd length": b"POST /create HTTP/1.1\r\nHost: t\r\nContent-Length: 1e3\r\n\r\n",
    "two lengths": b"POST /create HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\n"
    b"Content-Length: 2\r\n\r\nxx",
    "length and chunks": b"POST /create HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "odd coding": b"POST /create HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: odd\r\n\r\n",
    "packed chunks": PACKED % b"gzip, chunked",
    "deflated chunks": PACKED % b"deflate , CHUNKED",
    "odd chunks": PACKED % b"foo,chunked",
    "chunks of chunks": PACKED % b"chunked, chunked",
    "version 2": b"GET /list HTTP/2.0\r\nHost: t\r\n\r\n",
    "version 0.9": b"GET /list HTTP/0.9\r\nHost: t\r\n\r\n",
    "no version": b"GET /list\r\n\r\n",
    "bad chunk": b"POST /create HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    "odd expectation": b"POST /create HTTP/1.1\r\nHost: t\r\nExpect: tea\r\n"
    b"Content-Length: 0\r\n\r\n",
    "expectation that is no text": b"POST /create HTTP/1.1\r\nHost: t\r\nExpect: \xe9\r\n"
    b"Content-Length: 0\r\n\r\n",
    "two hosts": b"GET /list HTTP/1.1\r\nHost: t\r\nHost: u\r\n\r\n",
    "bad address": b"GET http://[::1 HTTP/1.1\r\nHost: t\r\n\r\n",
}


@pytest.mark.security
class TestHostileRequests:
    """What cannot be read as HTTP is 400, as a problem, and the server lives on."""

    @pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
    async def test_it_is_400_as_a_problem(self, service: Service, data: bytes) -> None:
        """The framework's own words and stack are replaced."""
        answer = await service.raw(data)

        assert (answer.status, answer.slug) == (400, "malformed-request")
        assert re.fullmatch("[0-9a-f-]{36}", answer.headers["request-id"])
        assert answer.headers["server"] == "plant"
        assert answer.problem["detail"].endswith(".")
        assert (await service.send("GET", "/list")).status == 200

    @pytest.mark.parametrize("name", ["version 2", "version 0.9", "no version"])
    async def test_the_answer_is_of_a_version_that_is_spoken(
        self, service: Service, name: str
    ) -> None:
        """Whatever was asked in; then the connection ends."""
        async with service.connection() as (reader, writer):
            writer.write(HOSTILE[name])
            said = await reader.read()

        assert said.startswith(b"HTTP/1.1 400 ")
        assert b"The request must be one of HTTP/1.1 or HTTP/1.0." in said

    @pytest.mark.parametrize("name", ["packed chunks", "deflated chunks", "odd chunks"])
    async def test_packed_chunks_are_told_apart_from_bad_ones(
        self, service: Service, name: str
    ) -> None:
        """They are refused for how they were sent; nothing behind them is taken for a request."""
        async with service.connection() as (reader, writer):
            writer.write(HOSTILE[name] + b"GET /list HTTP/1.1\r\nHost: t\r\n\r\n")
            said = await reader.read()

        assert 1 == said.count(b"HTTP/1.1 ")
        assert b"The only transfer coding taken is chunked" in said

    @pytest.mark.parametrize(
        "data",
        [
            PACKED % b"Chunked",
            b"GET /list HTTP/1.0\r\n\r\n",
            b"GET /list HTTP/1.1\r\nHost: t\r\n\r\n",
        ],
    )
    async def test_chunks_and_both_versions_are_taken(self, service: Service, data: bytes) -> None:
        """However the coding is written."""
        assert 200 == (await service.raw(data)).status

    async def test_a_body_cut_short_harms_nobody(
        self, service: Service, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A client that goes away in mid-body leaves no error behind."""
        async with service.connection() as (_, writer):
            writer.write(
                b"POST /create HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n"
                b"Content-Length: 50\r\n\r\n{"
            )
            await writer.drain()
        answer = await service.send("GET", "/list")

        assert answer.status == 200
        assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []

    async def test_a_broken_body_that_nobody_reads_is_not_logged(
        self, service: Service, caplog: pytest.LogCaptureFixture
    ) -> None:
        """After a refusal the rest of a body is thrown away, whatever it is."""
        async with service.connection() as (reader, writer):
            writer.write(b"POST /nowhere HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n")
            answer = await read_answer(reader)
            writer.write(b"zz\r\n\r\n")
            assert await reader.read() == b""

        assert answer.slug == "unknown-path"
        assert caplog.records == []

    @pytest.mark.parametrize("rest", [b"zz\r\n\r\n", b"5\r\nab", b""])
    async def test_a_body_that_does_not_arrive_is_malformed(
        self, service: Service, rest: bytes
    ) -> None:
        """A chunk that is none, half a chunk and silence end with 400 when the time is over."""
        async with service.connection() as (reader, writer):
            writer.write(
                b"POST /hasty HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n"
            )
            await reader.readuntil(b"\r\n\r\n")
            writer.write(rest)
            answer = await read_answer(reader)

        assert (answer.status, answer.slug) == (400, "malformed-request")
        assert "0.1 seconds" in answer.problem["detail"]


class TestRequestId:
    """Every answer has one: the client's when it is usable, else a new one."""

    @pytest.mark.parametrize("given", ["a", "x" * 128, "550e8400-e29b", "a.b:c_d~e/f+g=h@i"])
    async def test_a_usable_id_comes_back(self, service: Service, given: str) -> None:
        """Visible ASCII without quotes, up to 128 characters."""
        answer = await service.send("GET", "/list", Request_Id=given)

        assert given == answer.headers["request-id"]

    @pytest.mark.parametrize(
        "given", ["", "x" * 129, "a b", 'a"b', "a'b", "a,b", "a;b", "a\\b", "a<b", "é", "\udcff"]
    )
    async def test_any_other_is_replaced(self, service: Service, given: str) -> None:
        """What could be misread in a log or a header is not repeated."""
        answer = await service.send("GET", "/list", Request_Id=given)

        assert re.fullmatch("[0-9a-f-]{36}", answer.headers["request-id"])

    async def test_streams_have_it_too(self, service: Service) -> None:
        """An answer that is prepared in its handler carries the id."""
        answer = await service.send("GET", "/stream", Request_Id="s1")

        assert (answer.headers["request-id"], answer.body) == ("s1", b"ok")

    async def test_two_requests_have_two_ids(self, service: Service) -> None:
        """Made ids are not repeated."""
        made = {(await service.send("GET", "/list")).headers["request-id"] for _ in range(5)}

        assert len(made) == 5


class TestHeaders:
    """What stands once must stand once; keys and conditions have one form."""

    @pytest.mark.parametrize(
        "name",
        [
            "Authorization",
            "Certifier-Authorization",
            "Content-Type",
            "Idempotency-Key",
            "If-Match",
            "If-None-Match",
            "Request-Id",
        ],
    )
    async def test_a_header_given_twice_is_refused(self, service: Service, name: str) -> None:
        """Also when both say the same, and in any case."""
        head = f"GET /list HTTP/1.1\r\nHost: t\r\n{name}: a\r\n{name.upper()}: a\r\n\r\n"
        answer = await service.raw(head.encode())

        assert (answer.status, answer.slug) == (400, "malformed-request")
        assert name.lower() in answer.problem["detail"]

    async def test_headers_that_are_lists_may_repeat(self, service: Service) -> None:
        """Accept on two lines is one list."""
        answer = await service.send("GET", "/list", Accept=["text/html", "*/*"], X_Any=["1", "2"])

        assert answer.status == 200

    async def test_128_are_taken(self, service: Service) -> None:
        """With Host, as docs/api.md says; one more is 400."""
        found = [
            await service.raw(b"GET /bug HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * more + b"\r\n")
            for more in (127, 128)
        ]

        assert [500, 400] == [answer.status for answer in found]
        assert "The request has too many headers." == found[1].problem["detail"]

    async def test_one_without_a_host_is_told_so(self, service: Service) -> None:
        """The header that HTTP/1.1 asks for, by its name."""
        answer = await service.raw(b"GET /bug HTTP/1.1\r\n\r\n")

        assert (400, "The request has no Host header.") == (
            answer.status, answer.problem["detail"],
        )  # fmt: skip

    async def test_all_that_an_item_needs(self, service: Service) -> None:
        """Id, key and conditions come through as they are."""
        answer = await service.send(
            "GET",
            f"/item/{ID.upper()}",
            Authorization="bearer plant_abc.DEF-1~",
            If_Match='"v1", W/"v2"',
            If_None_Match='"v3"',
            Accept="text/*;q=0.5",
        )

        assert json.loads(answer.body) == {
            "id": ID,
            "key": "plant_abc.DEF-1~",
            "if_match": ["v1"],
            "if_none_match": ["v3"],
            "accepted": "text/plain",
        }

    @pytest.mark.parametrize(
        "headers,slug",
        [
            ({}, "unauthenticated"),
            ({"Authorization": "Basic abc"}, "unauthenticated"),
            ({"Authorization": "Bearer"}, "unauthenticated"),
            ({"Authorization": "Bearer a b"}, "unauthenticated"),
            ({"Authorization": "Bearer é"}, "unauthenticated"),
            ({"Authorization": f"Bearer {'x' * 8_001}"}, "unauthenticated"),
            ({"Authorization": "Bearer k"}, "precondition-required"),
            ({"Authorization": "Bearer k", "If_Match": "v1"}, "malformed-request"),
            (
                {"Authorization": "Bearer k", "If_Match": "*", "If_None_Match": "x"},
                "malformed-request",
            ),
            (
                {"Authorization": "Bearer k", "If_Match": "*", "Accept": "image/png"},
                "not-acceptable",
            ),
        ],
    )
    async def test_each_is_refused_for_what_it_lacks(
        self, service: Service, headers: dict[str, Any], slug: str
    ) -> None:
        """401, 428, 400 and 406, in this order."""
        assert slug == (await service.send("GET", f"/item/{ID}", **headers)).slug

    @pytest.mark.parametrize(
        "text", ["x", "0", ID[:-1], ID.replace("-", ""), "%00", "%ff", ID + "a"]
    )
    async def test_an_id_that_is_none_names_nothing(self, service: Service, text: str) -> None:
        """No UUID, no entity: 404."""
        assert (await service.send("GET", f"/item/{text}")).slug == "not-found"

    @pytest.mark.parametrize(
        "accept,expected",
        [
            ("", "application/json"),
            ("*/*", "application/json"),
            ("application/*", "application/json"),
            ("text/plain", "text/plain"),
            ("text/html, text/plain;q=0.1", "text/plain"),
            ("application/json;q=0, */*", "text/plain"),
            ("application/json;charset=utf-8", "application/json"),
            ("TEXT/PLAIN", "text/plain"),
            ("application/json;q=0.5, text/plain", "text/plain"),
            ("application/json;q=0.5, text/plain;q=0.500", "application/json"),
            ("*/*;q=0.9, application/json;q=0.1", "text/plain"),
            ("application/*;q=0.2, */*;q=0.1", "application/json"),
            ("text/plain;Q=0.9, text/plain;q=0.1, application/json;q=0.8", "text/plain"),
            ("text/plain;format=flowed;q=0.9, application/json;q=0.8", "text/plain"),
            ("text/plain;q=1.001, application/json;q=0.8", "text/plain"),
            ("text/html, application/xhtml+xml, */*;q=0.8", "application/json"),
            ("application/json; q=0.000, text/plain; q=0", None),
            ("image/*", None),
            (";;,,", None),
        ],
    )
    async def test_accept_is_matched_by_what_is_liked_best(
        self, service: Service, accept: str, expected: str | None
    ) -> None:
        """By the quality of the range that names a type most exactly, then by our order."""
        answer = await service.send(
            "GET", f"/item/{ID}", Authorization="Bearer k", If_Match="*", Accept=accept
        )

        assert expected == json.loads(answer.body).get("accepted")
        assert answer.status == (200 if expected else 406)


class TestQuery:
    """The query string is read as it was sent."""

    async def test_it_is_decoded_once(self, service: Service) -> None:
        """Nothing is decoded or repaired before us."""
        answer = await service.send("GET", "/list?tag=a%252Bb&tag=%E6%95%B0#x=1")

        assert json.loads(answer.body) == {"tag": ["a%2Bb", "数"]}

    @pytest.mark.parametrize(
        "query,slug",
        [
            ("nam=x", "unknown-parameter"),
            ("limit=0", "invalid-parameter"),
            ("tag=%ff", "malformed-request"),
            ("tag=%zz", "malformed-request"),
            ("tag=\udcff", "malformed-request"),
            ("tag=%00", "invalid-parameter"),
        ],
    )
    async def test_what_is_wrong_with_it_is_400(
        self, service: Service, query: str, slug: str
    ) -> None:
        """Unknown, not allowed, not readable."""
        answer = await service.send("GET", f"/list?{query}")

        assert (answer.status, answer.slug) == (400, slug)


class TestBodies:
    """A body is JSON in UTF-8, of a size that we take, and of the type that it says."""

    @pytest.mark.parametrize(
        "media",
        [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            'application/json;charset="UTF-8"',
        ],
    )
    async def test_json_in_utf8_is_taken(self, service: Service, media: str) -> None:
        """With or without saying that it is UTF-8."""
        assert (await service.send("POST", "/create", GOOD, Content_Type=media)).status == 200

    @pytest.mark.parametrize(
        "media",
        [
            "text/plain",
            "application/json; charset=latin-1",
            "application/json; charset=utf-16",
            "application/merge-patch+json",
            "application/x-www-form-urlencoded",
            "json",
            "*/*",
            ";",
        ],
    )
    async def test_any_other_type_is_415(self, service: Service, media: str) -> None:
        """A POST takes application/json only and says so."""
        answer = await service.send("POST", "/create", GOOD, Content_Type=media)

        assert (answer.status, answer.slug) == (415, "unsupported-media-type")
        assert answer.problem["accepted"] == ["application/json"]
        assert answer.headers["accept"] == "application/json"

    async def test_a_body_without_a_type_is_415(self, service: Service) -> None:
        """Nothing is guessed."""
        assert (await service.send("POST", "/create", GOOD)).status == 415

    async def test_a_patch_takes_both_types(self, service: Service) -> None:
        """merge-patch+json and json, nothing else."""
        for media in ("application/merge-patch+json", "application/json"):
            answer = await service.send("PATCH", "/create", b'{"name":"x"}', Content_Type=media)
            assert answer.body == b'{"name":"x"}'
        refused = await service.send("PATCH", "/create", b"{}", Content_Type="text/json")

        assert "application/merge-patch+json" in refused.headers["accept-patch"]

    @pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "odd"])
    async def test_a_compressed_body_is_415(
        self, service: Service, coding: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """No bomb is unpacked."""
        answer = await service.send(
            "POST", "/create", GOOD, Content_Type="application/json", Content_Encoding=coding
        )

        assert (answer.status, answer.slug) == (415, "unsupported-media-type")
        assert caplog.records == []

    async def test_no_body_is_malformed(self, service: Service) -> None:
        """Content-Length 0 with and without a type."""
        assert (await service.send("POST", "/create")).slug == "malformed-json"
        typed = await service.send("POST", "/create", Content_Type="application/json")
        assert typed.slug == "malformed-json"

    async def test_a_wrong_body_is_pointed_at(self, service: Service) -> None:
        """422 names fields and rules."""
        answer = await service.send("POST", "/create", b"{}", Content_Type="application/json")

        assert (answer.status, answer.slug) == (422, "invalid-body")
        assert {"/name", "/description", "/category"} == {
            error["pointer"] for error in answer.problem["errors"]
        }

    async def test_a_body_of_exactly_the_limit_is_read(self, service: Service) -> None:
        """1 MiB of JSON passes, spaces included."""
        body = GOOD + b" " * (request.BODY_MAX - len(GOOD))
        answer = await service.send("POST", "/create", body, Content_Type="application/json")

        assert answer.status == 200

    async def test_a_body_announced_too_large_is_not_read(self, service: Service) -> None:
        """413 comes before the body does."""
        answer = await service.raw(
            b"POST /create HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n"
            b"Content-Length: 1048577\r\n\r\n"
        )

        assert (answer.status, answer.slug) == (413, "body-too-large")
        assert answer.problem["limit_bytes"] == 1024 * 1024
        assert answer.headers["connection"] == "close"

    async def test_a_body_that_grows_too_large_is_not_read_on(self, service: Service) -> None:
        """Without Content-Length the count decides, while the sender goes on."""
        head = (
            b"PATCH /create HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        answer = await service.raw(head + b"200\r\n" + b" " * 512 + b"\r\n200\r\n" + b" " * 512)

        assert (answer.status, answer.slug) == (413, "body-too-large")
        assert answer.problem["limit_bytes"] == 1000

    async def test_a_chunked_body_is_put_together(self, service: Service) -> None:
        """Chunks of any size make one body."""
        head = (
            b"POST /create HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in GOOD)

        assert (await service.raw(head + chunks + b"0\r\n\r\n")).status == 200

    async def test_expecting_clients_are_told_to_continue(self, service: Service) -> None:
        """A client asks before it sends a large body, as curl does."""
        async with service.connection() as (reader, writer):
            writer.write(
                b"POST /create HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n"
                b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(GOOD)
            )
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
            writer.write(GOOD)
            answer = await read_answer(reader)

        assert answer.status == 200
