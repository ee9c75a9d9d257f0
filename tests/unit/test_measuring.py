"""What `plant bench` asks for, in which order, and what it makes of the answers."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from service.measuring.client import Load, Measured, NotMeasured
from service.measuring.load import measured

ID = "0190f3a0-0000-7000-8000-000000000001"
READS = Load(2, 0.05)
WITH_CREATES = Load(2, 0.05, 3)


class Played:
    """A service that answers as it is told to.

    `spent_s`: what its processor time has grown by each time it is asked for. `behind`: what it
    tells of labels, one after the other, the last for ever.
    """

    def __init__(self) -> None:
        self.there = True
        self.spent_s = 0.2
        self.behind: list[int | None] = [0]
        self.read = self.create = 200
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a request."""
        what = f"{request.method} {request.path}"
        self.asked.append(what)
        if request.method == "POST":
            self.there |= self.create == 200
            return web.json_response({}, status=self.create)
        if request.path == "/metrics":
            cpu_s = self.spent_s * self.asked.count(what)
            return web.Response(text=f"# HELP x\nprocess_cpu_seconds_total {cpu_s}\n")
        if request.path == "/readyz":
            behind = self.behind.pop(0) if self.behind[1:] else self.behind[0]
            return web.json_response({"labels": {"behind": behind}})
        if request.path == "/v1/me":
            return web.json_response({"scopes": []})
        items = [{"id": ID}] if self.there else []
        return web.json_response({"items": items, "detail": "No."}, status=self.read)

    @property
    def operations(self) -> list[str]:
        """List what was asked for after it was known what there is, each once and in order."""
        names = {"POST /v1/skills": "create", f"GET /v1/skills/{ID}": "get"}
        found = [names[what] for what in self.asked if what in names]
        return [*dict.fromkeys(found)]

    async def measure(
        self, load: Load, tell: Callable[[str], None] = print, labels_s: float = 30
    ) -> list[Measured]:
        """Measure it."""
        async with listening(self.answer) as url:
            return await measured(url, "plant_key", load, tell, labels_s)


@asynccontextmanager
async def listening(answer: Handler) -> AsyncIterator[str]:
    """Answer everything on a free port."""
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
def played() -> Played:
    """Have a service in play."""
    return Played()


class TestOrder:
    """None of what is measured disturbs another."""

    async def test_reads_come_before_creates(self, played: Played) -> None:
        """What is created is embedded and sealed meanwhile, which is no matter of reads."""
        found = await played.measure(WITH_CREATES)

        assert ["get", "list", "create"] == [one.operation for one in found]
        assert ["get", "create"] == played.operations
        assert 3 == found[2].answers

    async def test_creates_come_first_where_there_is_nothing_to_read(self, played: Played) -> None:
        """There is afterwards."""
        played.there = False
        found = await played.measure(WITH_CREATES)

        assert ["create", "get", "list"] == [one.operation for one in found]
        assert ["create", "get"] == played.operations

    async def test_reads_wait_for_labels_that_are_still_to_be_embedded(
        self, played: Played
    ) -> None:
        """Which is told, once."""
        played.behind = [1_200, 7, 0]
        told: list[str] = []
        found = await played.measure(READS, told.append)

        begun = played.asked.index(f"GET /v1/skills/{ID}")
        assert played.asked[:begun].count("GET /readyz") >= 3
        assert ["waiting up to 30 s for the labels of 1,200 changes to be embedded"] == told
        assert [0, 0] == [one.labels_behind for one in found]

    async def test_what_was_created_just_now_is_waited_for(self, played: Played) -> None:
        """Though the service has not noticed yet that there is something to embed."""
        played.there, played.behind = False, [0, 0, 0, 6, 0]
        told: list[str] = []
        found = await played.measure(WITH_CREATES, told.append)

        assert ["waiting up to 30 s for the labels of 6 changes to be embedded"] == told
        assert [0, 0, 0] == [one.labels_behind for one in found]

    async def test_what_does_not_end_is_waited_for_in_bounds_and_told(self, played: Played) -> None:
        """Beside each operation that it may have disturbed."""
        played.behind = [5]
        found = await played.measure(READS, labels_s=0.1)

        assert [5, 5] == [one.labels_behind for one in found]

    @pytest.mark.parametrize("behind", [[0, 9, 0], [0, 0, 9, 0]])
    async def test_what_begins_meanwhile_is_told_too(
        self, played: Played, behind: list[int | None]
    ) -> None:
        """Before and afterwards is looked at, and the more counts."""
        played.behind = behind
        found = await played.measure(READS)

        assert [9, 0] == [one.labels_behind for one in found]

    async def test_who_tells_nothing_of_labels_is_not_waited_for(self, played: Played) -> None:
        """As a service that embeds nothing."""
        played.behind = [None]
        found = await played.measure(READS)

        assert [0, 0] == [one.labels_behind for one in found]


class TestProcessorTime:
    """Counted in ticks of 10 ms."""

    @pytest.mark.parametrize("spent_s,told", [(0.19, False), (0.2, True)])
    async def test_of_fewer_than_20_ticks_nothing_is_told(
        self, played: Played, spent_s: float, *, told: bool
    ) -> None:
        """Of 20 it is, for each answer."""
        played.spent_s = spent_s
        for one in await played.measure(READS):
            expected = pytest.approx(spent_s * 1e6 / one.answers, rel=0.01) if told else None
            assert expected == one.service_us


class TestRefusals:
    """With words, and nothing made that nobody wanted."""

    async def test_who_may_not_read_makes_nothing(self, played: Played) -> None:
        """Reads are looked at first."""
        played.read = 403
        with pytest.raises(NotMeasured, match=r"answered with 403\. No\."):
            await played.measure(WITH_CREATES)

        assert [] == played.operations

    async def test_refused_creates_of_an_empty_tenant_are_told(self, played: Played) -> None:
        """Which status and how many, and not to do what was just done."""
        played.there, played.create = False, 403
        with pytest.raises(NotMeasured, match="creates were refused: 3 times 403") as found:
            await played.measure(WITH_CREATES)

        assert "--write" not in str(found.value)

    async def test_whoever_answers_otherwise_is_not_plant(self) -> None:
        """Though with JSON, and 200."""
        asked: Counter[str] = Counter()

        async def nothing(request: web.Request) -> web.Response:
            asked[request.path] += 1
            return web.json_response({})

        async with listening(nothing) as url:
            with pytest.raises(NotMeasured, match=r"answered with 200\. That is no answer of"):
                await measured(url, "plant_key", READS, print)

        assert {"/v1/me": 1} == asked

    async def test_whoever_speaks_no_tls_or_no_http_is_told_so(self, played: Played) -> None:
        """In one line."""
        async with listening(played.answer) as url:
            with pytest.raises(NotMeasured, match="is not answered over TLS"):
                await measured(url.replace("http:", "https:"), "plant_key", READS, print)

        async def chat(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with closing(writer):
                writer.write(b"SSH-2.0-chat\r\n\r\n")

        async with await asyncio.start_server(chat, "127.0.0.1", 0) as other:
            url = f"http://127.0.0.1:{other.sockets[0].getsockname()[1]}"
            with pytest.raises(NotMeasured, match="answers otherwise than in HTTP") as found:
                await measured(url, "plant_key", READS, print)

        assert "\n" not in str(found.value)
