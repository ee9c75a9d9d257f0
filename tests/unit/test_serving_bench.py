"""What the benchmark of serving makes of what it has measured, and what it sends."""

import asyncio
import itertools
import os
import time
import xml.etree.ElementTree as ET
from contextlib import closing, suppress
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from bench import benchmarks
from bench.ground import Actor, environment
from bench.paced import Plan, loaded
from bench.result import Row
from bench.running import written
from bench.serving import goals, growth, overloaded, report, usage
from bench.serving.agreement import known, scores
from bench.serving.arguments import given, planned
from bench.serving.bars import Bar, bars
from bench.serving.bulk import BULK, SET_BASED, BulkResult, Moved
from bench.serving.causes import CAPACITY, CAUSES, SMALLEST
from bench.serving.environment import compile_plant, pins
from bench.serving.growth import Grown
from bench.serving.load import MARK, SCRIPT, Request, Sent, write_requests
from bench.serving.operations import OPERATIONS, PARTS, Ask, amend, create, get, many, search, step
from bench.serving.operations import asked as asked_of
from bench.serving.overloaded import Stress
from bench.serving.peers.ids import uuid7
from bench.serving.report import Serving, Size
from bench.serving.rounds import Result, Taken, of_round
from bench.serving.servers import (
    BLACKSHEEP,
    CONSTANT,
    FASTAPI,
    LITESTAR,
    PEERS,
    PLANT,
    UNLOGGED,
    Server,
    function_names,
)
from bench.serving.stock import Shop, Stock
from bench.serving.without import AHEAD, WAYS
from service.http.caller import CACHE_S
from tests.measured import MACHINE

SVG = "{http://www.w3.org/2000/svg}"
TAKEN = Taken(rate=1_000, p50_ms=1, p99_ms=10, cpu_us=100, server_us=50, pss_mb=50)
OURS = Server(PLANT, 1, 1, "plant", "plant app", is_plant=True)
THEIRS = Server(FASTAPI, 2, 2, "plant", "peer fastapi_sqlalchemy")
STOCK = Stock(
    80,
    [
        Shop(
            Actor(f"plant_{n}", f"tenant {n}", f"agent {n}", f"key {n}"),
            [f"{n}-{i}" for i in ids],
            [f"{n}-draft-{i}" for i in range(9)],
        )
        for n, ids in ((1, range(40)), (2, range(40)))
    ],
)


def result(server: str, operation: str = "get", connections: int = 64, **numbers: float) -> Result:
    """Make a result of one round."""
    return Result(server, operation, connections, [structs.replace(TAKEN, **numbers)])


def grown(sizes: dict[int, dict[str, float]]) -> Grown:
    """Make what came of sizes in turns, by their rows: p50 of operations."""
    results = {
        rows: [result(PLANT, one, 1, p50_ms=p50) for one, p50 in each.items()]
        for rows, each in sizes.items()
    }
    return Grown(20, results, ["step, 1 connection, Plant over 10 rows: bad"])


def serving(*results: Result, rows: list[Row] | None = None, of: Grown | None = None) -> Serving:
    """Make what came of a run."""
    size = Size(10_000, 20, 363, list(results), [], {"get": 9_000.0}, [])
    return Serving(
        MACHINE, 600.0, False, 9, {"fastapi": "0.165.0"}, [size], rows or [], [of] if of else []
    )


class TestGoals:
    """The ratios that were to be reached."""

    def test_are_those_that_were_set(self) -> None:
        """None is easier than it was when it was set."""
        found = {
            (one.operation, one.number, one.connections, one.other): (one.least, one.most)
            for one in goals.GOALS
        }

        assert {
            ("get", "rate", 64, FASTAPI): (25, None),
            ("get", "rate", 64, LITESTAR): (6, None),
            ("get", "rate", 64, BLACKSHEEP): (4, None),
            ("get", "cpu_us", 64, CONSTANT): (None, 1.35),
            ("get", "p50_ms", 1, FASTAPI): (None, 0.2),
            ("get", "p99_ms", 256, FASTAPI): (None, 0.05),
            ("list", "rate", 64, FASTAPI): (8, None),
            ("create", "cpu_us", 64, FASTAPI): (8, None),
            ("create", "cpu_us+server_us", 64, FASTAPI): (2, None),
            ("create", "server_us", 64, UNLOGGED): (None, 1.3),
            ("get", "pss_mb", 64, FASTAPI): (None, 0.6),
        } == found

    def test_a_ratio_of_medians_meets_its_goal_or_says_no(self) -> None:
        """Of three rounds the middle counts, of each server."""
        rounds = [structs.replace(TAKEN, rate=rate) for rate in (2_500, 9_999, 2_499)]
        ours = Result(PLANT, "get", 64, rounds)
        results = [ours, result(FASTAPI, rate=100), result(LITESTAR, rate=500)]

        rates = [row for row in goals.rows(10_000, 20, results) if row.least]
        assert [(25.0, "yes"), (5.0, "NO")] == [(row.value, row.verdict) for row in rates]

    def test_less_time_for_a_create_is_a_larger_ratio(self) -> None:
        """Of service alone, and of service and PostgreSQL together."""
        results = [
            result(PLANT, "create", cpu_us=100, server_us=300),
            result(FASTAPI, "create", cpu_us=700, server_us=100),
        ]

        found = goals.rows(10_000, 20, results)
        assert [(7.0, "NO"), (2.0, "yes")] == [(row.value, row.verdict) for row in found]
        assert all(row.what.endswith(f"{FASTAPI} / Plant") for row in found)

    def test_what_was_not_measured_is_not_listed(self) -> None:
        """Neither met nor missed."""
        assert [] == goals.rows(10_000, 20, [result(PLANT), result(PLANT, "list")])

    def test_a_cause_belongs_to_a_goal_and_stands_with_its_number(self) -> None:
        """Of get against a constant, say; what has none is said to have none."""
        given = (*goals.GOALS, *goals.BULK_GOALS)
        keys = {(one.operation, one.number, one.other) for one in given}
        keys |= {(operation, "p50_ms", SMALLEST) for operation in OPERATIONS}
        keys |= {("create", number, CAPACITY) for number in ("kept", "recovered")}
        rows = goals.rows(10_000, 20, [result(PLANT), result(CONSTANT, cpu_us=50)])
        rows += goals.rows(10_000, 20, [result(PLANT), result(BLACKSHEEP)])
        text = report.part(serving(rows=rows))

        assert keys >= {one[:3] for one in CAUSES}
        assert f"Plant / {CONSTANT}**: 2, goal ≤ 1.35. {CAUSES['get', 'cpu_us', CONSTANT]}" in text
        unknown = "What it goes to has not been measured."
        assert f"Plant / {BLACKSHEEP}**: 1, goal ≥ 4. {unknown}" in text

    def test_a_cause_of_some_number_of_tenants_is_told_of_no_other(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The same goal may be missed for another reason there, or for none that is known."""
        key = ("get", "rate", BLACKSHEEP)
        monkeypatch.setitem(CAUSES, (*key, 1_000), "Keys.")
        results = [result(PLANT), result(BLACKSHEEP)]
        told = [row.cause for count in (20, 1_000) for row in goals.rows(10, count, results)]
        monkeypatch.setitem(CAUSES, key, "Whatever.")
        told += [row.cause for count in (20, 1_000) for row in goals.rows(10, count, results)]

        assert ["", "Keys.", "Whatever.", "Keys."] == told

    def test_the_rounds_of_a_bulk_stand_beside_its_ratio_the_same_way_round(self) -> None:
        """Less time of Plant's is a larger one where the goal is that, and a smaller one else."""
        ours = [Moved(100, 6, cpu_us=10), Moved(100, 8, cpu_us=20)]
        theirs = [Moved(100, 4, cpu_us=30), Moved(100, 4, cpu_us=30)]
        ways = ((PLANT, ours), (BULK, theirs), (SET_BASED, theirs))
        found = goals.bulk_rows(500, [BulkResult("import", way, each) for way, each in ways])
        client, seconds = (row for row in found if row.beside)

        assert "15 µs a row against 30 µs a row; round by round 3, 1.5" == client.beside
        assert "7 s against 4 s; round by round 1.5, 2" == seconds.beside
        assert (2.0, 1.75) == (client.value, seconds.value)

    def test_the_page_says_where_a_peer_is_faster(self) -> None:
        """By answers a second; what Plant does without one of its own, or a constant, is none."""
        others = (FASTAPI, LITESTAR, CONSTANT, UNLOGGED)
        results = [result(PLANT, rate=10, cpu_us=30), *(result(one, rate=20) for one in others)]
        results += [result(PLANT, "list", rate=5), result(FASTAPI, "list", rate=5)]
        lines = report.part(serving(*results)).splitlines()
        place = lines.index("### Where a peer is faster")

        assert "Plant's answers, of the peer's" in lines[place + 4]
        assert [
            f"| 10,000 rows, 20 tenants | get, 64 connections | {one} | 0.50 "
            "| 30 against 100 | 50 against 50 |"
            for one in (FASTAPI, LITESTAR)
        ] == lines[place + 6 : place + 8]
        assert "" == lines[place + 8]
        assert "No peer gave more answers" in report.part(serving(result(PLANT)))


class TestGrowth:
    """How much longer Plant takes for a larger table."""

    @pytest.mark.parametrize(
        "small,large,most",
        [(10_000, 1_000_000, 1.3), (10_000, 100_000, None), (100_000, 1_000_000, None)],
    )
    def test_has_its_goal_between_the_sizes_it_was_set_for(
        self, small: int, large: int, most: float | None
    ) -> None:
        """From 10,000 to 1,000,000 rows."""
        of = grown({small: {"get": 1}, large: {"get": 1.2}})

        (row,) = growth.rows(of)
        assert (1.2, most) == (row.value, row.most)

    def test_every_larger_table_is_held_against_the_smallest(self) -> None:
        """By the medians of rounds; what was left out of either is in no row."""
        of = grown(
            {10: {"get": 1, "list": 2}, 20: {"get": 2, "step": 3}, 30: {"get": 3, "list": 9}}
        )

        what = "20 tenants, {}, 1 connection: p50 at {} rows / at 10"
        assert [
            (what.format("get", 20), 2.0),
            (what.format("get", 30), 3.0),
            (what.format("list", 30), 4.5),
        ] == [(row.what, row.value) for row in growth.rows(of)]

    def test_has_its_cause_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is told by the operation; the other side is the smallest table."""
        monkeypatch.setitem(CAUSES, ("create", "p50_ms", SMALLEST), "What it is.")
        of = grown({10_000: {"create": 1, "get": 1}, 1_000_000: {"create": 1.5, "get": 1.5}})

        assert ["What it is.", ""] == [row.cause for row in growth.rows(of)]

    def test_the_page_has_every_size_of_every_operation(self) -> None:
        """Also one that was left out, and why it was."""
        text = report.part(serving(of=grown({10: {"get": 1, "step": 2}, 2_000: {"get": 1.25}})))

        assert "### Sizes in turns, 1 connection, 20 tenants" in text
        assert "| get | 2,000 | 1,000 | 1.25 | 10 | 100 | 50 |" in text
        assert "| step | 2,000 | left out |  |  |  |  |" in text
        assert "- step, 1 connection, Plant over 10 rows: bad\n" in text

    def test_is_read_from_the_raw_numbers_as_it_was_written(self) -> None:
        """With the sizes as numbers; what was measured before there was any has none."""
        measured = serving(result(PLANT), of=grown({10: {"get": 1}, 2_000: {"get": 1.25}}))
        before = msgspec.json.decode(written(measured))
        del before["growths"]

        assert measured == msgspec.json.decode(written(measured), type=Serving)
        assert [] == msgspec.convert(before, Serving).growths


class TestUsage:
    """What processes have used."""

    def test_counts_the_time_that_a_process_runs(self) -> None:
        """It rises while this one works, and is nothing of a process that is not there."""
        before, until = usage.cpu_us(os.getpid()), time.process_time() + 0.05
        while time.process_time() < until:
            pass

        assert 45_000 < usage.cpu_us(os.getpid()) - before
        assert 0 == usage.cpu_us(2**22 + 1)

    def test_whoever_came_counts_and_whoever_went_does_not(self) -> None:
        """A session that begins within a round has used what it has used."""
        assert 7.0 == usage.risen({1: 10.0, 2: 5.0}, {1: 13.0, 2: 0.0, 3: 4.0})

    def test_knows_the_memory_of_a_process(self) -> None:
        """In megabytes."""
        assert 1 < usage.pss_mb(os.getpid()) < 10_000

    def test_requests_that_were_under_way_at_the_end_count(self) -> None:
        """The server has worked for them too."""
        sent = Sent(requests=36, seconds=2.0, p50_ms=1.0, p99_ms=2.0, refused=0, lost=0)

        taken = of_round(sent, 64, 5_000.0, 1_000.0, 50.0)
        assert (50.0, 10.0, 18.0) == (taken.cpu_us, taken.server_us, taken.rate)


class TestAgreement:
    """What is the same of two answers."""

    def test_of_a_page_the_cursor_is_the_servers_own(self) -> None:
        """That there is one is not."""
        one, other, last = (
            known({"items": [1], "next_cursor": cursor}, written=False)
            for cursor in ("a", "b", None)
        )

        assert one == other != last

    def test_a_time_is_the_same_however_it_is_written(self) -> None:
        """One of a million ends with a whole second, which some write without a fraction."""
        whole, short, other = (
            known({"items": [{"created_at": time}], "missing": []}, written=False)
            for time in (
                "2026-01-01T00:00:01.000000Z",
                "2026-01-01T00:00:01Z",
                "2026-01-01T00:00:02Z",
            )
        )

        assert whole == short != other

    def test_of_a_search_the_entities_are_compared_and_how_near_they_are(self) -> None:
        """Plant says more, which nobody else has to."""
        ours = {"items": [{"entity": {"id": "1"}, "score": 0.5, "parts": {}}], "mode": "vector"}
        theirs = {"items": [{"entity": {"id": "1"}, "score": 0.4}]}

        assert [{"id": "1"}] == known(ours, written=False) == known(theirs, written=False)
        assert ([0.5], [0.4]) == (scores(ours), scores(theirs))

    def test_what_was_read_has_to_be_the_same_in_everything(self) -> None:
        """Times and versions too."""
        document = {"id": "1", "version": 1, "tags": ["a"]}

        assert document == known(document, written=False)

    def test_of_what_was_written_the_id_and_what_is_new_may_differ(self) -> None:
        """Nothing else may: not a tag, not a state, not a missing member."""
        one = {"id": "1", "name": "new 1", "tags": ["a"], "notes": None}
        other = one | {"id": "2", "name": "new 2"}

        assert known(one, written=True) == known(other, written=True)
        assert known(one, written=True) != known(other | {"tags": ["b"]}, written=True)
        assert known(one, written=True) != known(other | {"notes": "x"}, written=True)
        assert known(one, written=True) != known({"id": "2", "name": "new 2"}, written=True)


class TestRequests:
    """What is sent."""

    @pytest.mark.parametrize("ask", [get, many, create, amend, step, search])
    def test_everybody_is_asked_the_same_in_the_same_order(self, ask: Ask, tmp_path: Path) -> None:
        """Whoever is asked: only the headers differ, which say who asks."""
        asked = []
        for server in (OURS, THEIRS):
            write_requests(tmp_path / "r", ask(server, STOCK))
            lines = (tmp_path / "r").read_text(encoding="utf-8").splitlines()
            asked.append([*zip(lines[::4], lines[1::4], lines[3::4], strict=True)])

        assert asked[0] == asked[1]

    def test_plant_is_shown_a_key_and_the_others_are_told_who_asks(self) -> None:
        """No key ever goes to a peer."""
        ours, theirs = (get(server, STOCK)[0].headers for server in (OURS, THEIRS))

        assert {"Authorization": "Bearer plant_1"} == ours
        assert {"Tenant": "tenant 1", "Agent": "agent 1", "Key": "key 1"} == theirs

    def test_a_request_is_four_lines(self, tmp_path: Path) -> None:
        """As the script reads them; one without a body has an empty one."""
        request = Request("POST", "/p", {"A": "1", "B": "2"}, f'{{"n":"{MARK}"}}')
        write_requests(tmp_path / "r", [request])

        text = (tmp_path / "r").read_text(encoding="utf-8")
        assert f'POST\n/p\nA: 1\tB: 2\n{{"n":"{MARK}"}}\n' == text

    def test_every_draft_is_submitted_before_the_first_is_withdrawn(self, tmp_path: Path) -> None:
        """In one order each, so that a file can be sent for ever and nothing is refused."""
        write_requests(tmp_path / "r", step(OURS, STOCK), PARTS["step"])
        lines = (tmp_path / "r").read_text(encoding="utf-8").splitlines()
        paths, bodies = lines[1::4], lines[3::4]

        assert 36 == len(paths)
        assert paths[:18] == paths[18:] != sorted(paths[:18])
        assert all('"to":"under_review"' in one for one in bodies[:18])
        assert all('"to":"draft"' in one for one in bodies[18:])

    def test_what_has_no_vectors_is_not_searched(self) -> None:
        """Everything else is asked of every stock."""
        labelled, names = structs.replace(STOCK, labelled=True), [*OPERATIONS]

        assert {"search"} == set(asked_of(labelled, names)) - set(asked_of(STOCK, names))

    def test_the_script_replaces_the_same_mark(self) -> None:
        """What stands in bodies is what it looks for."""
        assert f'local MARK = "{MARK}"' in SCRIPT.read_text(encoding="utf-8")


class TestPeers:
    """What is measured beside Plant."""

    def test_each_has_its_module_and_the_functions_exist(self) -> None:
        """What is started is there, and what is called is a statement of ours."""
        folder = SCRIPT.parent / "peers"

        assert [] == [name for name in PEERS.values() if not (folder / f"{name}.py").exists()]
        assert all(name.startswith("q.") for name in function_names().values())

    def test_ids_are_of_version_7_and_rise(self) -> None:
        """As those of the server."""
        ids = [uuid7()]
        while ids[-1].int >> 80 == ids[0].int >> 80:
            ids.append(uuid7())

        assert {7} == {one.version for one in ids}
        assert ids[0] < ids[-1]

    def test_their_versions_are_those_of_the_lock(self) -> None:
        """Every framework that is named has a pin."""
        named = {"fastapi", "sqlalchemy", "litestar", "advanced-alchemy", "blacksheep"}

        assert named <= set(pins())
        assert named <= set(report.NAMED)


class TestModules:
    """Servers run as they do elsewhere: their modules are compiled, whatever is set here."""

    def test_servers_are_not_told_of_what_is_set_for_this_process(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Neither of Plant's settings nor that nothing compiled is to be kept."""
        for name in ("PLANT_PORT", "PYTHONDONTWRITEBYTECODE", "OTHER"):
            monkeypatch.setenv(name, "1")

        assert {"OTHER"} == {"PLANT_PORT", "PYTHONDONTWRITEBYTECODE", "OTHER"} & set(environment())

    def test_those_of_plant_are_compiled_before_it_is_measured(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Also where Python is told to keep nothing compiled."""
        monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
        monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path))
        compile_plant()

        kept = {path.name.partition(".")[0] for path in tmp_path.rglob("service/**/*.pyc")}
        assert kept >= {"serve", "app", "pool"}


class TestOverload:
    """More than the service can do."""

    STRESS = Stress(
        times=2, capacity=1_000, offered=2_000, served=850, refused=1_150, mute=0, others={},
        refused_p99_ms=50, served_p99_ms=400, afterwards=850,
    )  # fmt: skip

    def test_keeps_what_was_promised_or_says_no(self) -> None:
        """Of twice as much 85 %, of four times 70; refusals in 50 ms, and it recovers."""
        four = structs.replace(self.STRESS, times=4, served=690, mute=1, refused_p99_ms=51)
        found = overloaded.rows(10_000, [self.STRESS, four])

        assert [0.85, 50, 0, 0.85, 0.7, 50, 0, 0.85] == [
            row.most if row.least is None else row.least for row in found
        ]
        assert ["yes"] * 4 + ["NO"] * 3 + ["yes"] == [row.verdict for row in found]
        kept, recovered = (CAUSES["create", one, CAPACITY] for one in ("kept", "recovered"))
        assert [kept, "", "", recovered] * 2 == [row.cause for row in found]

    def test_of_several_rounds_the_median_is_held_against_the_promise(self) -> None:
        """One round that is much better or much worse decides nothing; each stands beside it."""
        rounds = [
            structs.replace(self.STRESS, served=served, afterwards=afterwards, mute=1)
            for served, afterwards in ((100, 900), (860, 840), (990, 100))
        ]
        kept, _, mute, recovered = overloaded.rows(10_000, rounds)

        assert [0.86, 3, 0.84] == [kept.value, mute.value, recovered.value]
        assert "900 of 1,000 a second; 840 of 1,000 a second; 100 of 1,000 a second" == (
            recovered.beside
        )

    def test_a_request_is_the_same_with_a_number_where_it_has_to_be_new(self) -> None:
        """The header says how long the body is when the number is in it."""
        (request,) = create(OURS, structs.replace(STOCK, shops=STOCK.shops[:1]))
        head, _, body = overloaded.whole(request).partition("\r\n\r\n")

        assert request.body.replace(MARK, "#number#") == body
        assert f"Content-Length: {len(body)}" in head
        assert 8 == len("#number#") == len(f"{0:08}")

    async def test_a_refusal_that_does_not_say_when_to_come_again_is_counted(self) -> None:
        """By whoever sends at a rate that does not wait."""
        answers = itertools.cycle([b"Retry-After: 1\r\n", b""])

        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with closing(writer), suppress(asyncio.IncompleteReadError, ConnectionError):
                while await reader.readuntil(b"\r\n\r\n"):
                    head = b"HTTP/1.1 503 No\r\n" + next(answers)
                    writer.write(head + b"Content-Length: 0\r\n\r\n")

        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as listener:
            port = listener.sockets[0].getsockname()[1]
            sent = ["GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"]
            outcome = await loaded(Plan(f"http://127.0.0.1:{port}", sent, 0.2, 1, 0, 0, 0))

        count = len(outcome.answers[503])
        assert count > 1
        assert abs(outcome.mute - count / 2) <= 1


class TestPlan:
    """What is measured, and how long it takes."""

    def test_the_core_has_every_operation_and_every_size_with_a_goal_within_an_hour(self) -> None:
        """By its own reckoning, which is said before it begins."""
        core = planned(given(["--peers", "x"]))
        whole, (growth,) = core.parts[0], core.growths

        assert {"get", "list", "many", "create", "amend", "step", "search"} == {*whole.operations}
        assert ((1, 16, 64, 256), 20_000, True) == (whole.connections, whole.bulk, whole.overload)
        assert {1, 20, 1_000} == {part.tenants for part in core.parts if part.rows == 10_000}
        assert ((10_000, 100_000, 1_000_000), 20) == (growth.rows, growth.tenants)
        assert 60 * 60 >= core.expected_s

    def test_the_core_takes_every_way_away_where_that_shows(self) -> None:
        """Keys are asked for again where they are many, in a round that outlasts their time."""
        found = [part.lessened for part in planned(given(["--peers", "x"])).parts if part.lessened]
        many = next(one for one in found if AHEAD in one.ways)

        assert sorted(WAYS) == sorted(way for one in found for way in one.ways)
        assert CACHE_S < many.seconds

    def test_the_full_one_has_every_size_and_every_server(self) -> None:
        """Three sizes, three numbers of tenants."""
        full = planned(given(["--peers", "x", "--full"]))

        assert 9 == len({(part.rows, part.tenants) for part in full.parts})
        assert {(1, 16, 64, 256)} == {part.connections for part in full.parts}
        assert [(10_000, 100_000, 1_000_000)] == [one.rows for one in full.growths]

    def test_what_is_named_is_what_is_measured(self) -> None:
        """A part of it, for whoever works on that part."""
        named = ["--only", "get", "--rows", "500", "--connections", "4", "--seconds", "3"]
        plan = planned(given(["--peers", "x", *named]))

        (part,) = plan.parts
        assert [] == plan.growths
        assert (500, ("get",), (4,), 3, 0) == (
            part.rows, part.operations, part.connections, part.round_s(4), part.bulk,
        )  # fmt: skip

    def test_is_told_with_everything_that_takes_its_time(self) -> None:
        """Also what is no operation, in the part that has it."""
        core, *others, growth, minutes = planned(given(["--peers", "x"])).words
        more = "import and export of 20,000 rows, Plant under overload, Plant without each of its"

        assert f"get, list, many, create, amend, step, search, {more} ways; " in core
        one, thousand = others
        assert "10,000 rows of 1 tenant: get, create; " in one
        assert "1,000 tenants: get, create, Plant without keys asked for ahead; " in thousand
        assert "tables of 10,000, 100,000, 1,000,000 rows of 20 tenants in turns: get" in growth
        assert minutes.endswith(" minutes in all")

    def test_of_one_thing_is_told_as_that(self) -> None:
        """What else there is takes no time then."""
        for only, told in (
            ("bulk", "import and export of 20,000 rows"),
            ("overload", "Plant under overload"),
            ("ways", "Plant without each of its ways"),
        ):
            line, _ = planned(given(["--peers", "x", "--only", only])).words
            assert f" tenants: {told}; 5 rounds; " in line

    @pytest.mark.parametrize(
        "named,told",
        [
            ((), "1, 16, 64, 256 connections (create, search: 1, 16, 64 alone); "),
            ((100, 16), "100, 16 connections (create, search: 16 alone); "),
            ((256, 100), "256, 100 connections (create, search: 100 alone); "),
            ((256,), "256 connections; "),
            ((16, 1), "16, 1 connections; "),
        ],
    )
    def test_tells_over_how_many_connections_what_is_slow_is_asked_for(
        self, named: tuple[int, ...], told: str
    ) -> None:
        """Over 64 at most, or over the fewest alone where all that are named are more."""
        connections = [word for count in named for word in ("--connections", str(count))]
        only = [word for name in ("get", "create", "search") for word in ("--only", name)]
        plan = planned(given(["--peers", "x", *only, *connections]))

        assert f" tenants: get, create, search; {told}5 rounds; " in plan.words[0]

    @pytest.mark.parametrize(
        "named,parts,sizes",
        [
            (["--only", "growth"], 0, (10_000, 100_000, 1_000_000)),
            (["--only", "growth", "--quick"], 0, (500, 2_000)),
            (["--only", "growth", "--rows", "20", "--rows", "7"], 0, (7, 20)),
            (["--only", "growth", "--only", "get"], 1, (10_000, 100_000, 1_000_000)),
            (["--rows", "20", "--rows", "7"], 2, (7, 20)),
            (["--quick"], 1, (500, 2_000)),
            (["--quick", "--rows", "7"], 1, None),
            (["--rows", "20", "--rows", "7", "--only", "get"], 2, None),
            (["--tenants", "5"], 1, None),
        ],
    )
    def test_growth_is_planned_where_it_is_named_or_several_sizes_are(
        self, named: list[str], parts: int, sizes: tuple[int, ...] | None
    ) -> None:
        """From the smallest size on; alone it needs no peers."""
        plan = planned(given(["--peers", "x", *named]))

        assert parts == len(plan.parts)
        assert ([sizes] if sizes else []) == [one.rows for one in plan.growths]

    def test_growth_is_of_as_many_tenants_rounds_and_seconds_as_are_named(self) -> None:
        """Of each number of tenants; the rounds and seconds of the core can be named too."""
        how = ["--rounds", "7", "--seconds", "3"]
        named = ["--only", "growth", "--tenants", "2", "--tenants", "3"]

        assert [(2, 7, 3), (3, 7, 3), (20, 7, 3)] == [
            (one.tenants, one.rounds, one.seconds)
            for words in ([*named, *how], how)
            for one in planned(given(["--peers", "x", *words])).growths
        ]

    @pytest.mark.parametrize(
        "more,said",
        [
            (["--full", "--only", "get"], "leave out --only, or --full"),
            (["--full", "--rows", "5", "--quick"], "leave out --rows, --quick, or --full"),
            (["--full", "--tenants", "5"], "leave out --tenants, or --full"),
            (["--full", "--connections", "5"], "leave out --connections, or --full"),
            (["--only", "growth", "--rows", "5"], "give --rows more than once, or leave it out"),
            (["--rows", "0"], "--rows: '0' is no whole number from 1 on"),
            (["--tenants", "-1"], "--tenants: '-1' is no whole number from 1 on"),
            (["--connections", "x"], "--connections: 'x' is no whole number from 1 on"),
            (["--rounds", "0"], "--rounds: '0' is no whole number from 1 on"),
            (["--seconds", "0.5"], "--seconds: '0.5' is no whole number from 1 on"),
            (["--only", "search", "--rows", "100000"], "nothing of 100,000 rows of 20 tenants: up"),
            (
                ["--only", "search", "--only", "get", "--rows", "100000"],
                "nothing of 100,000 rows of 20 tenants: up",
            ),
            (
                ["--only", "growth", "--write", "."],
                "--only growth makes no page: leave out --write",
            ),
            (["--write", "/nowhere"], "'/nowhere' is no directory that one can write to: No such"),
            (["--write", __file__], "is no directory that one can write to: Not a directory"),
            (
                ["--only", "ways", "--only", "bulk", "--connections", "9"],
                "--connections is for operations: leave it out",
            ),
            (["--only", "overload", "--connections", "9"], "or name one of them by --only, too"),
        ],
    )
    def test_what_would_be_ignored_or_fail_later_is_refused(
        self, capsys: pytest.CaptureFixture[str], more: list[str], said: str
    ) -> None:
        """Before anything is measured, with exit code 2."""
        with pytest.raises(SystemExit) as ended:
            given(["--peers", "x", *more])

        assert 2 == ended.value.code
        assert said in capsys.readouterr().err

    def test_peers_are_needed_for_what_is_measured_beside_them(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Neither for the tables in turns nor to be told what is planned."""
        assert given(["--only", "growth"]).peers is given(["--plan"]).peers is None
        with pytest.raises(SystemExit) as ended:
            given(["--only", "get", "--only", "growth"])

        assert 2 == ended.value.code
        assert "--peers is needed" in capsys.readouterr().err

    def test_a_directory_that_one_can_write_to_is_left_as_it_was(self, tmp_path: Path) -> None:
        """Trying leaves nothing behind."""
        asked = given(["--peers", "x", "--write", str(tmp_path)])

        assert (tmp_path, []) == (asked.write, [*tmp_path.iterdir()])


class TestPage:
    """docs/benchmarks.md, as far as it is of serving."""

    def test_has_every_server_of_a_case_beside_the_one_that_is_replaced(self) -> None:
        """With the multiple of answers a second."""
        text = report.part(serving(result(PLANT, rate=2_600), result(FASTAPI, rate=100)))

        assert "### get, 64 connections, 10,000 rows, 20 tenants" in text
        assert "| Plant | 2,600 | 26.00 | 1.00 | 10.00 | 100 | 50 | 50 |" in text
        assert f"| {FASTAPI} | 100 | 1.00 |" in text
        assert "do\nnot authenticate" in text

    def test_is_written_from_whatever_was_measured(self, tmp_path: Path) -> None:
        """Serving alone, search alone, both: measuring one keeps the numbers of the other."""
        row = Row(what="recall", value=1.0, least=0.95, how="By asking.")
        search = {"machine": MACHINE, "took_s": 1.0, "outcomes": {"a": {"rows": [row], "raw": {}}}}
        both = {
            benchmarks.SERVING: written(serving(result(PLANT), result(FASTAPI))),
            benchmarks.SEARCH: written(search),
        }
        found = {}
        for names in (both.keys(), {benchmarks.SERVING}, {benchmarks.SEARCH}):
            for name, text in both.items():
                (tmp_path / name).unlink(missing_ok=True)
                if name in names:
                    (tmp_path / name).write_bytes(text)
            benchmarks.write(tmp_path)
            page = (tmp_path / benchmarks.NAME).read_text(encoding="utf-8")
            found[len(names), benchmarks.SEARCH in names] = [
                heading for heading in ("## Serving\n", "## Search\n") if heading in page
            ]

        assert {
            (2, True): ["## Serving\n", "## Search\n"],
            (1, False): ["## Serving\n"],
            (1, True): ["## Search\n"],
        } == found


@pytest.mark.parametrize(
    "given_words,said",
    [
        ([], "required: DIR"),
        (["/nowhere"], "'/nowhere' is no directory that one can write to: No such"),
        (["{empty}"], "has neither serving.json nor benchmarks.json: measure first"),
        (["{broken}"], "the raw numbers cannot be read: JSON is malformed"),
    ],
)
def test_what_no_page_can_be_written_from_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given_words: list[str], said: str
) -> None:
    """Without a traceback, and nothing is written."""
    empty, broken = tmp_path / "empty", tmp_path / "broken"
    empty.mkdir()
    broken.mkdir()
    (broken / benchmarks.SERVING).write_text("x", encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        benchmarks.main([word.format(empty=empty, broken=broken) for word in given_words])

    assert 2 == ended.value.code
    assert said in capsys.readouterr().err
    assert [] == [*tmp_path.rglob(benchmarks.NAME)]


def test_a_larger_multiple_has_a_longer_bar() -> None:
    """Names are text and nothing else; what is slower than the reference goes the other way."""
    svg = ET.fromstring(bars("<t>", {"get & more": [Bar("a", 30), Bar("b", 3), Bar("c", 0.5)]}))  # noqa: S314 - our own
    widths = [float(one.attrib["width"]) for one in svg.iter(f"{SVG}rect") if "class" in one.attrib]
    starts = [float(one.attrib["x"]) for one in svg.iter(f"{SVG}rect") if "class" in one.attrib]

    assert widths[0] > widths[1] > 1
    assert starts[2] < starts[1] == starts[0]
    assert {"<t>", "get & more", "a", "30"} <= {one.text for one in svg.iter(f"{SVG}text")}
