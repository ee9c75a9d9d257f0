"""What the command takes, and which plan that makes."""

import argparse
from itertools import product
from pathlib import Path
from typing import Final

from msgspec import structs

from bench.arguments import number, writable
from bench.result import several
from bench.serving.operations import OPERATIONS, SEARCH
from bench.serving.parts import (
    BULK_ROWS,
    COMPARED_MOST,
    CONNECTIONS,
    FULL_ROUNDS,
    ROWS,
    SEARCHED_MOST,
    USUAL,
    Growth,
    Part,
)
from bench.serving.plan import Plan, core, full, lessening

BULK: Final = "bulk"
OVERLOAD: Final = "overload"
WAYS: Final = "ways"
GROWTH: Final = "growth"
QUICK_ROWS: Final = 2_000
QUICK_SIZES: Final = (500, QUICK_ROWS)
QUICK_CONNECTIONS: Final = (16,)
QUICK_BULK: Final = 1_000
EPILOG: Final = """\
Without options it measures the core: one table with every operation over 1, 16, 64 and 256
connections (creations, changes, steps and searches over 64 at most), other numbers of tenants and
rows as far as goals are set for them; within an hour on two cores, which it wants for itself. What
is planned, and how long it should take, is said first. So it is with --connections, but where all
that are named are more than 64: then those four are asked for over the fewest.
Growth is Plant alone over one connection on tables of 10,000, 100,000 and 1,000,000 rows in turns,
or on those of --rows: it is measured where it is named, or where --rows is given more than once.

It needs wrk (bench/serving/have-wrk.sh) and Linux, whose counts of processor time it reads. The
exit code is 1 when a goal was missed, 2 when one could not tell. A server of whom a single answer
is no 2xx while it is timed is left out of that case, as the page says; the exit code is 2 then."""


def given(arguments: list[str]) -> argparse.Namespace:
    """Read the arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.serving",
        description="Measure how fast rows go out as JSON, and back in, beside what one would "
        "take instead.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    numbers = (
        ("--rows", "N", "skills in the table; may be given again"),
        ("--tenants", "N", "tenants that they are shared out among; may be given again"),
        ("--connections", "N", "connections at once; may be given again"),
    )
    for option, name, words in numbers:
        parser.add_argument(option, action="append", type=number, metavar=name, help=words)
    parser.add_argument(
        "--rounds", type=number, metavar="N", help="rounds of each server in a case"
    )
    parser.add_argument("--seconds", type=number, metavar="N", help="of a round")
    parser.add_argument(
        "--only",
        action="append",
        choices=[*OPERATIONS, BULK, OVERLOAD, WAYS, GROWTH],
        help="this operation; may be given again",
    )
    parser.add_argument(
        "--full",
        action="store_true",
        help="everything: 10,000, 100,000 and 1,000,000 rows of 1, 20 and 1,000 tenants, all "
        "operations, all servers; 9 hours; not together with what names a part",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a small table, 16 connections, one short round: shows that it works",
    )
    parser.add_argument("--plan", action="store_true", help="say what is planned, and end")
    parser.add_argument(
        "--peers",
        type=Path,
        metavar="DIR",
        help="where their environment is kept; needed to measure anything but growth",
    )
    parser.add_argument(
        "--write", type=writable, metavar="DIR", help="write the page and every number there"
    )
    found = parser.parse_args(arguments)
    if unfit := _unfit(found):
        parser.error(unfit)
    return found


def _unfit(given: argparse.Namespace) -> str | None:
    """Say why what is named cannot be measured as it is, and the way out."""
    if ignored := _ignored(given):
        return ignored
    plan = planned(given)
    for part in plan.parts:
        if not part.things or (SEARCH in (given.only or ()) and not part.searched):
            return (
                f"--only {SEARCH} measures nothing of {part.rows:,} rows of "
                f"{several(part.tenants, 'tenant')}: up to {SEARCHED_MOST:,} rows are searched, "
                f"{COMPARED_MOST:,} of a tenant"
            )
    if not plan.parts and given.write:
        return f"--only {GROWTH} makes no page: leave out --write, or name more than that"
    if plan.parts and not given.peers and not given.plan:
        return "--peers is needed for whatever is measured beside them"
    return None


def _ignored(given: argparse.Namespace) -> str | None:
    """Say what of it would change nothing, and the way out."""
    only = given.only or ()
    parts = {name: getattr(given, name) for name in ("rows", "tenants", "connections", "only")}
    named = [f"--{name}" for name, value in {**parts, "quick": given.quick}.items() if value]
    if given.full and named:
        return f"--full is everything: leave out {', '.join(named)}, or --full"
    if given.connections and only and not set(only) & set(OPERATIONS):
        return "--connections is for operations: leave it out, or name one of them by --only, too"
    if GROWTH in only and len(_sizes(given)) == 1:
        return f"--only {GROWTH} compares sizes: give --rows more than once, or leave it out"
    return None


def planned(given: argparse.Namespace) -> Plan:
    """Make the plan: the core, everything, or what the arguments name."""
    named = (given.rows, given.tenants, given.connections, given.only)
    if given.full or not (given.quick or any(named)):
        plan = full() if given.full else core()
        how = {"rounds": given.rounds, "seconds": given.seconds}
        chosen = {name: number for name, number in how.items() if number}
        return Plan(
            [structs.replace(part, **chosen) for part in plan.parts],
            [structs.replace(growth, **chosen) for growth in plan.growths],
        )
    return Plan(_parts(given), _growths(given))


def _parts(given: argparse.Namespace) -> list[Part]:
    only = given.only or [*OPERATIONS, BULK, OVERLOAD, WAYS]
    if set(only) == {GROWTH}:
        return []
    return [
        Part(
            rows=rows,
            tenants=tenants,
            operations=tuple(name for name in OPERATIONS if name in only),
            connections=tuple(
                given.connections or (QUICK_CONNECTIONS if given.quick else CONNECTIONS)
            ),
            rounds=given.rounds or (1 if given.quick else FULL_ROUNDS),
            seconds=given.seconds or (1 if given.quick else 2),
            bulk=(QUICK_BULK if given.quick else BULK_ROWS) if BULK in only else 0,
            overload=OVERLOAD in only,
            lessened=lessening(tenants) if WAYS in only else None,
        )
        for rows, tenants in product(
            given.rows or [QUICK_ROWS if given.quick else USUAL[0]], given.tenants or [USUAL[1]]
        )
    ]


def _growths(given: argparse.Namespace) -> list[Growth]:
    """Compare sizes where that is named, or nothing is and there are several."""
    rows = _sizes(given)
    several = len(rows) > 1 and (given.quick or given.rows)
    if not (GROWTH in given.only if given.only else several):
        return []
    return [
        Growth(
            rows=rows,
            tenants=tenants,
            rounds=given.rounds or (1 if given.quick else FULL_ROUNDS),
            seconds=given.seconds or (1 if given.quick else 2),
        )
        for tenants in given.tenants or [USUAL[1]]
    ]


def _sizes(given: argparse.Namespace) -> tuple[int, ...]:
    """List the sizes between which growth is measured, from the smallest on."""
    return tuple(sorted({*(given.rows or (QUICK_SIZES if given.quick else ROWS))}))
