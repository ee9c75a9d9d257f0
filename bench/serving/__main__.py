"""Measure how fast rows go out as JSON, and back in, beside what one would take instead."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import benchmarks
from bench.ground import Ground, embedded
from bench.machine import QUIET, machine
from bench.pgbench import BenchError
from bench.result import table
from bench.running import clear_up_when_ended, room, tell, timed, written
from bench.serving import goals, growth, overloaded
from bench.serving.agreement import DisagreementError
from bench.serving.arguments import given, planned
from bench.serving.environment import compile_plant, pins, python_of
from bench.serving.load import require_wrk
from bench.serving.matrix import measured_at
from bench.serving.parts import Part
from bench.serving.plan import Plan
from bench.serving.report import LEFT_OUT, Serving, Size
from bench.serving.servers import POOL, NotServingError, make_writer
from service.refusal import Refusal


def main(arguments: list[str]) -> int:
    """Measure, tell, and write what is asked for; 1 when a goal was missed."""
    asked = given(arguments)
    plan = planned(asked)
    tell("\n".join(plan.words))
    if asked.plan:
        return 0
    clear_up_when_ended()
    load, begun = os.getloadavg()[0], time.perf_counter()
    if load > QUIET:
        tell(f"The machine is at work already (load {load:.1f}): rates will be too low.")
    try:
        require_wrk()
        measured = _measured(asked, plan, load, begun)
    except (Refusal, DisagreementError, NotServingError, BenchError, TimeoutError) as reason:
        tell(str(reason))
        return 2
    tell("\n".join(["", *table(measured.goals), "", f"{measured.took_s:.0f} s"]))
    if asked.write:
        (asked.write / benchmarks.SERVING).write_bytes(written(measured))
        benchmarks.write(asked.write)
    if measured.failed:
        tell("\n".join([LEFT_OUT, *measured.failed]))
        return 2
    return 1 if any(row.met is False for row in measured.goals) else 0


def _measured(asked: argparse.Namespace, plan: Plan, load: float, begun: float) -> Serving:
    say = timed(begun)
    compile_plant()
    with room() as directory, _roomy(directory) as ground:
        on = machine(str(ground.run("SHOW server_version")[0][0]), load)
        sizes = _beside_peers(ground, asked.peers, plan.parts, say)
        growths = [growth.measured(ground, one, say) for one in plan.growths]
    rows = [row for size in sizes for row in goals.rows(size.rows, size.tenants, size.results)]
    rows += [row for size in sizes for row in goals.bulk_rows(size.rows, size.bulk)]
    rows += [row for size in sizes for row in overloaded.rows(size.rows, size.overload)]
    rows += [row for grown in growths for row in growth.rows(grown)]
    took = round(time.perf_counter() - begun, 1)
    return Serving(on, took, asked.quick, POOL, pins(), sizes, rows, growths)


def _beside_peers(
    ground: Ground, directory: Path, parts: list[Part], say: Callable[[str], None]
) -> list[Size]:
    """Measure part by part what all servers do."""
    if not parts:
        return []
    say("having the environment of the peers")
    python = python_of(directory)
    make_writer(ground)
    return [measured_at(ground, python, part, say) for part in parts]


@contextmanager
def _roomy(directory: Path) -> Iterator[Ground]:
    """Have a server that has connections for all servers at once."""
    with embedded(directory) as ground:
        ground.run("ALTER SYSTEM SET max_connections = 200")
    with embedded(directory) as ground:
        yield ground


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
