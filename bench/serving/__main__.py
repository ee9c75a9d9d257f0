"""Measure how fast rows go out as JSON, and back in, beside what one would take instead."""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import benchmarks
from bench.ground import Ground, embedded
from bench.machine import QUIET, machine
from bench.pgbench import BenchError
from bench.result import table
from bench.running import clear_up_when_ended, room, tell, timed, written
from bench.serving import goals, overloaded
from bench.serving.agreement import DisagreementError
from bench.serving.arguments import given, planned
from bench.serving.environment import pins, python_of
from bench.serving.load import require_wrk
from bench.serving.matrix import measured_at
from bench.serving.plan import Part, words
from bench.serving.report import LEFT_OUT, Serving
from bench.serving.servers import POOL, NotServingError, make_writer
from service.refusal import Refusal


def main(arguments: list[str]) -> int:
    """Measure, tell, and write what is asked for; 1 when a goal was missed."""
    asked = given(arguments)
    parts = planned(asked)
    tell("\n".join(words(parts)))
    if asked.plan:
        return 0
    clear_up_when_ended()
    load, begun = os.getloadavg()[0], time.perf_counter()
    if load > QUIET:
        tell(f"The machine is at work already (load {load:.1f}): rates will be too low.")
    try:
        require_wrk()
        measured = _measured(asked, parts, load, begun)
    except (Refusal, DisagreementError, NotServingError, BenchError, TimeoutError) as reason:
        tell(str(reason))
        return 2
    tell("\n".join(["", *table(measured.goals), "", f"{measured.took_s:.0f} s"]))
    if asked.write:
        (asked.write / benchmarks.SERVING).write_bytes(written(measured))
        benchmarks.write(asked.write)
    failed = [words for size in measured.sizes for words in size.failed]
    if failed:
        tell("\n".join([LEFT_OUT, *failed]))
        return 2
    return 1 if any(row.met is False for row in measured.goals) else 0


def _measured(asked: argparse.Namespace, parts: list[Part], load: float, begun: float) -> Serving:
    say = timed(begun)
    say("having the environment of the peers")
    python = python_of(asked.peers)
    with room() as directory, _roomy(directory) as ground:
        on = machine(str(ground.run("SHOW server_version")[0][0]), load)
        make_writer(ground)
        sizes = [measured_at(ground, python, part, say) for part in parts]
    rows = [row for size in sizes for row in goals.rows(size.rows, size.tenants, size.results)]
    rows += [row for size in sizes for row in goals.bulk_rows(size.rows, size.bulk)]
    rows += [row for size in sizes for row in overloaded.rows(size.rows, size.overload)]
    alike = {one.rows: one.results for one in sizes if one.tenants == sizes[0].tenants}
    rows += goals.growth(alike)
    took = round(time.perf_counter() - begun, 1)
    return Serving(on, took, asked.quick, POOL, pins(), sizes, rows)


@contextmanager
def _roomy(directory: Path) -> Iterator[Ground]:
    """Have a server that has connections for all servers at once."""
    with embedded(directory) as ground:
        ground.run("ALTER SYSTEM SET max_connections = 200")
    with embedded(directory) as ground:
        yield ground


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
