"""What the page says of serving: goals first, then every operation beside what one would take."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from bench.machine import Machine
from bench.page import Title, page
from bench.result import Row, several
from bench.serving import faster
from bench.serving.bars import Bar, bars
from bench.serving.bulk import BulkResult
from bench.serving.goals import value
from bench.serving.growth import Grown, section
from bench.serving.overloaded import Stress
from bench.serving.parts import BUSY
from bench.serving.rounds import Result
from bench.serving.servers import FASTAPI

OVER: Final = "over 64 connections, as a multiple of FastAPI + SQLAlchemy"
PLOTS: Final = {
    "benchmarks-serving.svg": ("rate", f"Answers a second {OVER}: more is better"),
    "benchmarks-serving-cpu.svg": (
        "cpu_us+server_us",
        f"Processor time of service and PostgreSQL {OVER}: less is better",
    ),
}
"""A number of what was measured, and what the plot says of it, by the plot's name."""

INTRO: Final = """\
How fast Plant answers, beside what one would take instead: `tox -e bench -- --only serving` on
tables of its own; [serving.json](serving.json) has every round.

One process of each server on 127.0.0.1, one PostgreSQL, the same tables with the same row
security, the same requests by wrk. Plant does all it ever does: it looks keys up, checks what
comes in, sets the context of row security, keeps the log, and leads it: what anybody's
creates leave behind is placed and sealed by it, before the next server has its turn. **The peers do
not authenticate**: tenant, agent and key stand in headers. They keep the discipline that row
security asks for (BEGIN, `set_config('app.tenant_id', …, true)` and the rest of the context, what
is asked for, COMMIT) as `plant_app`; {pool} connections each for reads and for creates, as many as
Plant has for both. What they create they insert themselves, as a role that has the rights of
`plant_writer`: kind, tags, then the base row, whose triggers render the document and write the log.
Steps of the life cycle submit drafts and withdraw them, each with a reason that goes to the log.
A search finds the ten nearest to a vector of 384 among a tenant's skills in force, which have one
vector each, as a caller gave it. Peers order them by distance in one statement, joined to the rest;
along the index, which is of all tenants, that would lose most of what is near, so they do without
it, as does Plant up to 5,000 labels of a tenant: larger tables are not searched here.
"Our functions" is the same framework with one call of Plant's generated function instead, and its
document passed on: the idea is worth about two, and belongs to whoever takes it.
Before anything was timed {compared:,} answers were compared with Plant's after parsing, every
written entity was read back from Plant, with the reason that the log has, and another tenant's id
was 404 at all of them; {sessions:,} sessions of peers were looked at, on which nothing was left of
whom they had worked for. Of Plant's search more goes out than of theirs: by what each was found.

The server of PostgreSQL is the embedded one, with 200 connections, so that all of them have theirs.
Vectors that come behind the log are not made in this run: no peer makes any."""

COLUMNS: Final = (
    "server",
    "answers/s",
    "of FastAPI + SQLAlchemy",
    "p50 ms",
    "p99 ms",
    "service µs",
    "PostgreSQL µs",
    "memory MB",
)


BULK_HEAD: Final = ("| way | rows/s | its own µs a row | MB beyond idle |", "|---|---|---|---|")


LEFT_OUT: Final = "Left out, since while they were timed not every answer was a 2xx:"
WORK: Final = "cpu_us+server_us"
WAYS: Final = (
    "The same service with one of its ways taken away (`bench/serving/without.py`), each on a "
    "table of its own whose log it leads: what it has to seal of its creates counts here. Nobody "
    "is refused who waits for less than two seconds (PLANT_ACQUIRE_TIMEOUT_MS=9000)."
)
WAYS_HEAD: Final = (
    "| operation | server | answers/s | service µs | PostgreSQL µs | of Plant's |",
    "|---|---|---|---|---|---|",
)


class Size(Struct, frozen=True):
    """Everything that was measured on a table of a size; `failed` says where answers were bad."""

    rows: int
    tenants: int
    compared: int
    results: list[Result]
    bulk: list[BulkResult]
    pgbench: dict[str, float]
    failed: list[str]
    overload: list[Stress] = []
    sessions: int = 0
    lessened: list[Result] = []


class Serving(Struct, frozen=True):
    """A whole run; `goals` are the rows of the first table."""

    machine: Machine
    took_s: float
    quick: bool
    pool: int
    pins: dict[str, str]
    sizes: list[Size]
    goals: list[Row]
    growths: list[Grown] = []

    @property
    def failed(self) -> list[str]:
        """List what is left out, and why."""
        each = [one.failed for one in self.sizes] + [one.failed for one in self.growths]
        return [words for failed in each for words in failed]


def part(measured: Serving) -> str:
    """Write the part of the page."""
    compared = sum(size.compared for size in measured.sizes)
    sessions = sum(size.sessions for size in measured.sizes)
    title = Title("Serving", INTRO.format(pool=measured.pool, compared=compared, sessions=sessions))
    text = page(
        title, measured.goals, measured.machine, measured.took_s, quick=measured.quick, depth=2
    )
    peers = ", ".join(f"{name} {measured.pins[name]}" for name in NAMED if name in measured.pins)
    return "\n".join(
        [
            text,
            f"Versions of the peers: {peers}.",
            "",
            *_left_out(measured),
            *(f"![{words}]({name})" for name, (_, words) in PLOTS.items()),
            *faster.section([(one.rows, one.tenants, one.results) for one in measured.sizes]),
            *(line for size in measured.sizes for line in _size(size)),
            *(line for grown in measured.growths for line in section(grown)),
            "",
        ]
    )


NAMED: Final = (
    *("fastapi", "sqlalchemy", "litestar", "advanced-alchemy", "blacksheep", "asyncpg"),
    *("msgspec", "pydantic", "uvicorn", "uvloop", "httptools"),
)


def _left_out(measured: Serving) -> list[str]:
    words = [f"- {words}" for words in measured.failed]
    return [LEFT_OUT, "", *words, ""] if words else []


def _size(size: Size) -> list[str]:
    lines = []
    for operation, connections in dict.fromkeys(
        (one.operation, one.connections) for one in size.results
    ):
        cases = [
            one
            for one in size.results
            if (one.operation, one.connections) == (operation, connections)
        ]
        lines += [
            "",
            _heading(operation, connections, size),
            "",
            f"| {' | '.join(COLUMNS)} |",
            f"|{'---|' * len(COLUMNS)}",
            *map(_line, *zip(*((one, _base(cases)) for one in cases), strict=True)),
        ]
    for operation in dict.fromkeys(one.operation for one in size.bulk):
        lines += ["", f"### {operation}, {size.rows:,} rows before", "", *BULK_HEAD]
        lines += [_moved(one) for one in size.bulk if one.operation == operation]
    lines += _ways(size.lessened)
    for what, rate in size.pgbench.items():
        lines += ["", f"pgbench, {what}: {rate:,.0f} a second."]
    return lines


def _ways(results: Sequence[Result]) -> list[str]:
    """Say what is lost without each of the ways of Plant."""
    if not results:
        return []
    lines = ["", f"### What each way is worth, {results[0].connections} connections", "", WAYS]
    for operation in dict.fromkeys(one.operation for one in results):
        cases = [one for one in results if one.operation == operation]
        whole = value(cases[0], WORK)
        lines += ["", *WAYS_HEAD]
        lines += [
            f"| {operation} | {one.server} | {one.middle('rate'):,.0f} "
            f"| {one.middle('cpu_us'):,.0f} | {one.middle('server_us'):,.0f} "
            f"| {value(one, WORK) / whole:.2f} |"
            for one in cases
        ]
    return lines


def _heading(operation: str, connections: int, size: Size) -> str:
    table = f"{size.rows:,} rows, {several(size.tenants, 'tenant')}"
    return f"### {operation}, {several(connections, 'connection')}, {table}"


def _line(one: Result, base: Result | None) -> str:
    ratio = f"{one.middle('rate') / base.middle('rate'):.2f}" if base else ""
    cells = (
        one.server,
        f"{one.middle('rate'):,.0f}",
        ratio,
        f"{one.middle('p50_ms'):.2f}",
        f"{one.middle('p99_ms'):.2f}",
        f"{one.middle('cpu_us'):,.0f}",
        f"{one.middle('server_us'):,.0f}" if one.middle("server_us") else "",
        f"{one.middle('pss_mb'):.0f}",
    )
    return f"| {' | '.join(cells)} |"


def _moved(one: BulkResult) -> str:
    cells = (
        one.way,
        f"{one.middle('rate'):,.0f}",
        f"{one.middle('cpu_us'):,.1f}" if one.middle("cpu_us") else "",
        f"{one.middle('extra_mb'):,.1f}" if one.middle("cpu_us") else "",
    )
    return f"| {' | '.join(cells)} |"


def _base(cases: Sequence[Result]) -> Result | None:
    return next((one for one in cases if one.server == FASTAPI), None)


def drawn(measured: Serving) -> dict[str, str]:
    """Draw what 64 connections get of the first size, as multiples; gives plots by their names."""
    at = [one for one in measured.sizes[0].results if one.connections == BUSY]
    return {name: bars(words, _groups(at, number)) for name, (number, words) in PLOTS.items()}


def _groups(at: Sequence[Result], number: str) -> dict[str, list[Bar]]:
    groups = {}
    for operation in dict.fromkeys(one.operation for one in at):
        cases = [one for one in at if one.operation == operation]
        base = _base(cases)
        if base:
            groups[operation] = [
                Bar(one.server, value(one, number) / value(base, number)) for one in cases
            ]
    return groups
