"""How much longer Plant takes for a larger table: several sizes in turns.

All of them are there at the same time: what slows the machine down in between is no growth.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from msgspec import Struct

from bench.ground import Ground
from bench.result import Row, by_round, several
from bench.serving.causes import SMALLEST, cause
from bench.serving.load import write_requests
from bench.serving.operations import OPERATIONS, PARTS
from bench.serving.parts import UNSEARCHED, Growth
from bench.serving.rounds import Case, Result, Turn, shown, take_turns
from bench.serving.servers import PLANT, plant
from bench.serving.stock import fill
from bench.serving.table import Table, until_placed

GROWTH_MOST: Final = 1.3
GROWN: Final = (10_000, 1_000_000)
"""Sizes between which the goal of growth is set."""

HOW: Final = (
    "Medians over all rounds, in which Plant serves tables of all sizes in turns, each from a "
    "database and by a process of its own, in an order that is turned about; each has a second "
    "before it is measured, and the others stand still meanwhile. One connection, so that nobody "
    "waits for another."
)
INTRO: Final = (
    "Plant alone, one process for each table, all of them filled before the first is asked; the "
    "tables take turns, round by round."
)
HEAD: Final = (
    "| operation | rows | answers/s | p50 ms | p99 ms | service µs | PostgreSQL µs |",
    "|---|---|---|---|---|---|---|",
)


class Grown(Struct, frozen=True):
    """What was measured of each size, by its rows; `failed` says where answers were bad."""

    tenants: int
    results: dict[int, list[Result]]
    failed: list[str]

    @property
    def operations(self) -> list[str]:
        """List what was measured of at least one size."""
        each = (one.operation for results in self.results.values() for one in results)
        return list(dict.fromkeys(each))

    def of(self, rows: int, operation: str) -> Result | None:
        """Find what came of an operation over a table; None where it was left out."""
        return next((one for one in self.results[rows] if one.operation == operation), None)


def measured(ground: Ground, growth: Growth, say: Callable[[str], None]) -> Grown:
    """Fill tables of all sizes, serve each of them, and ask them in turns.

    Raises: NotServingError.
    """
    results: dict[int, list[Result]] = {rows: [] for rows in growth.rows}
    failed: list[str] = []
    with ExitStack() as stack:
        tables = {
            rows: stack.enter_context(_table(ground, rows, growth.tenants, say))
            for rows in growth.rows
        }
        for operation in UNSEARCHED:
            turns = [_turn(table, operation) for table in tables.values()]
            case = Case(operation, 1)
            found, bad = take_turns(ground, case, turns, growth.rounds, growth.seconds)
            say("; ".join([f"{operation}, 1 connection: {shown(found)}", *bad]))
            for rows, each in results.items():
                each += [one for one in found if one.server == _over(rows)]
            failed += bad
    return Grown(growth.tenants, results, failed)


@contextmanager
def _table(ground: Ground, rows: int, tenants: int, say: Callable[[str], None]) -> Iterator[Table]:
    """Fill a table and serve it, until everything has its place in the log."""
    with ground.copy(f"grown_{rows}_{tenants}") as place:
        stock = fill(place, rows, tenants, say, searched=False)
        with plant(place, _over(rows)) as server:
            table = Table(place, stock, server)
            until_placed(table.place)
            # Or it would be done while another table has its turn.
            place.run("VACUUM (ANALYZE)")
            place.run("CHECKPOINT")
            yield table


def _over(rows: int) -> str:
    return f"{PLANT} over {rows:,} rows"


def _turn(table: Table, operation: str) -> Turn:
    """Write what a table is asked for; whoever serves it stands still until it has its turn."""
    path = table.place.directory / f"{operation}.txt"
    table.plant.resume()
    requests = OPERATIONS[operation](table.plant, table.stock)
    table.plant.pause()
    write_requests(path, requests, PARTS.get(operation, 1))
    return Turn(table.plant, path, table.around(operation))


def rows(grown: Grown) -> list[Row]:
    """Hold every larger table against the smallest, as far as neither was left out."""
    small, *larger = sorted(grown.results)
    made = []
    for large in larger:
        for operation in grown.operations:
            before, after = grown.of(small, operation), grown.of(large, operation)
            if before is None or after is None:
                continue
            was, now = before.middle("p50_ms"), after.middle("p50_ms")
            made.append(
                Row(
                    what=f"{several(grown.tenants, 'tenant')}, {operation}, 1 connection: "
                    f"p50 at {large:,} rows / at {small:,}",
                    value=now / was,
                    most=GROWTH_MOST if (small, large) == GROWN else None,
                    how=HOW,
                    beside=_beside(after, before),
                    cause=cause(operation, "p50_ms", SMALLEST),
                )
            )
    return made


def _beside(after: Result, before: Result) -> str:
    rounds = by_round(*((one.p50_ms for one in each.rounds) for each in (after, before)))
    work = (
        f"{after.middle(number):,.0f} against {before.middle(number):,.0f} µs"
        for number in ("cpu_us", "server_us")
    )
    return (
        f"{after.middle('p50_ms'):.3g} against {before.middle('p50_ms'):.3g} ms, {rounds}; "
        f"processor time of service and PostgreSQL {' and '.join(work)}"
    )


def section(grown: Grown) -> list[str]:
    """Write what the page has of it: every size of every operation."""
    heading = f"### Sizes in turns, 1 connection, {several(grown.tenants, 'tenant')}"
    lines = ["", heading, "", INTRO, "", *HEAD]
    for operation in grown.operations:
        lines += [_line(operation, size, grown.of(size, operation)) for size in grown.results]
    return lines


def _line(operation: str, size: int, one: Result | None) -> str:
    cells = ["left out", "", "", "", ""]
    if one:
        cells = [
            f"{one.middle('rate'):,.0f}",
            f"{one.middle('p50_ms'):.3g}",
            f"{one.middle('p99_ms'):.3g}",
            f"{one.middle('cpu_us'):,.0f}",
            f"{one.middle('server_us'):,.0f}",
        ]
    return f"| {' | '.join([operation, f'{size:,}', *cells])} |"
