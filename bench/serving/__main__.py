"""Measure how fast rows go out as JSON, and back in, beside what one would take instead."""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench import benchmarks
from bench.ground import Ground, embedded
from bench.machine import QUIET, machine
from bench.pgbench import BenchError
from bench.result import table
from bench.running import clear_up_when_ended, room, tell, timed, written
from bench.serving import goals
from bench.serving.agreement import DisagreementError
from bench.serving.environment import pins, python_of
from bench.serving.load import require_wrk
from bench.serving.matrix import FULL, QUICKLY, Scale, measured_at
from bench.serving.operations import OPERATIONS
from bench.serving.report import Serving
from bench.serving.servers import POOL, NotServingError, make_writer
from service.refusal import Refusal

ROWS: Final = (10_000,)
TENANTS: Final = 20
CONNECTIONS: Final = (1, 16, 64, 256)
QUICK_CONNECTIONS: Final = (16,)
QUICK_ROWS: Final = (2_000,)
BULK: Final = "bulk"
BULK_ROWS: Final = 20_000
BULK_QUICK: Final = 1_000
EPILOG: Final = """\
A run on one size takes some 50 minutes on two cores and wants the machine for itself. It needs
wrk (bench/serving/have-wrk.sh) and Linux, whose counts of processor time it reads. The exit code
is 1 when a goal was missed, 2 when one could not tell: after a single answer that is no 2xx while
servers are timed nothing is written."""


def main(arguments: list[str]) -> int:
    """Measure, tell, and write what is asked for; 1 when a goal was missed."""
    given = _given(arguments)
    clear_up_when_ended()
    load, begun = os.getloadavg()[0], time.perf_counter()
    if load > QUIET:
        tell(f"The machine is at work already (load {load:.1f}): rates will be too low.")
    try:
        require_wrk()
        measured = _measured(given, load, begun)
    except (Refusal, DisagreementError, NotServingError, BenchError, TimeoutError) as reason:
        tell(str(reason))
        return 2
    tell("\n".join(["", *table(measured.goals), "", f"{measured.took_s:.0f} s"]))
    failed = [words for size in measured.sizes for words in size.failed]
    if failed:
        tell("\n".join(["Not every answer was a 2xx, so nothing is written:", *failed]))
        return 2
    if given.write:
        (given.write / benchmarks.SERVING).write_bytes(written(measured))
        benchmarks.write(given.write)
    return 1 if any(row.met is False for row in measured.goals) else 0


def _measured(given: argparse.Namespace, load: float, begun: float) -> Serving:
    say, scale = timed(begun), _scale(given)
    say("having the environment of the peers")
    python = python_of(given.peers)
    with room() as directory, _roomy(directory) as ground:
        on = machine(str(ground.run("SHOW server_version")[0][0]), load)
        make_writer(ground)
        sizes = [
            measured_at(ground, python, rows, tenants, scale, say)
            for rows in given.rows or (QUICK_ROWS if given.quick else ROWS)
            for tenants in given.tenants or (TENANTS,)
        ]
    rows = [row for size in sizes for row in goals.rows(size.rows, size.results)]
    rows += [row for size in sizes for row in goals.bulk_rows(size.rows, size.bulk)]
    alike = {one.rows: one.results for one in sizes if one.tenants == sizes[0].tenants}
    growth = goals.growth(alike)
    took = time.perf_counter() - begun
    return Serving(on, round(took, 1), given.quick, POOL, pins(), sizes, rows + growth)


@contextmanager
def _roomy(directory: Path) -> Iterator[Ground]:
    """Have a server that has connections for all servers at once."""
    with embedded(directory) as ground:
        ground.run("ALTER SYSTEM SET max_connections = 200")
    with embedded(directory) as ground:
        yield ground


def _scale(given: argparse.Namespace) -> Scale:
    only = given.only or [*OPERATIONS, BULK]
    operations = tuple(name for name in OPERATIONS if name in only)
    bulk = (BULK_QUICK if given.quick else BULK_ROWS) if BULK in only else 0
    rounds, seconds = QUICKLY if given.quick else FULL
    connections = tuple(given.connections or (QUICK_CONNECTIONS if given.quick else CONNECTIONS))
    return Scale(operations, connections, given.rounds or rounds, given.seconds or seconds, bulk)


def _given(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.serving",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    numbers = (
        ("--rows", "N", "skills in the table; may be given again"),
        ("--tenants", "N", "tenants that they are shared out among; may be given again"),
        ("--connections", "N", "connections at once; may be given again"),
    )
    for option, name, words in numbers:
        parser.add_argument(option, action="append", type=int, metavar=name, help=words)
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of each server in a case")
    parser.add_argument("--seconds", type=int, metavar="N", help="of a round")
    parser.add_argument(
        "--only",
        action="append",
        choices=[*OPERATIONS, BULK],
        help="this operation; may be given again",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a small table, 16 connections, one short round: shows that it works",
    )
    parser.add_argument(
        "--peers", type=Path, required=True, metavar="DIR", help="where their environment is kept"
    )
    parser.add_argument(
        "--write", type=Path, metavar="DIR", help="write the page and every number there"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
