"""Measure what is promised of search at size: recall, short pages, times and what they rest on."""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench import benchmarks
from bench.arguments import number, writable
from bench.ground import embedded
from bench.machine import QUIET, machine
from bench.result import Outcome, Row, table
from bench.running import clear_up_when_ended, room, tell, timed, written
from bench.search import intake, isolated, names, steps, tenants
from bench.search.crowd import Crowd, crowd
from bench.search.material import material
from bench.search.plot import drawn
from bench.search.plot import lines as plotted

MEASURES: Final[dict[str, Callable[[Crowd], Outcome]]] = {
    "tenants": tenants.measure,
    "isolated": isolated.measure,
    "names": names.measure,
    "steps": steps.measure,
    "intake": intake.measure,
}
ROWS: Final = (10_000, 100_000)
QUICK: Final = (10_000,)
EPILOG: Final = """\
A run with 100,000 labels takes some five minutes on two cores, one with a million the better part
of an hour and 12 GB; it wants the machine for itself. The exit code is 1 when a goal was missed."""


def main(arguments: list[str]) -> int:
    """Measure, tell, and write what is asked for; 1 when a goal was missed."""
    given = _given(arguments)
    clear_up_when_ended()
    load, begun = os.getloadavg()[0], time.perf_counter()
    if load > QUIET:
        tell(f"The machine is at work already (load {load:.1f}): times will be too long.")
    say = timed(begun)
    with room() as directory, embedded(directory) as ground:
        on = machine(str(ground.run("SHOW server_version")[0][0]), load)
        real = material(given.data, given.cache, say)
        outcomes: dict[str, Outcome] = {}
        for rows in given.rows or (QUICK if given.quick else ROWS):
            with ground.copy(f"rows_{rows}") as place:
                say(f"filling a table with {rows:,} labels, of {len(real.vectors):,} real ones")
                made = crowd(place, real, rows, say)
                outcomes[f"filling {rows:,}"] = _filling(made)
                for name, measure in MEASURES.items():
                    if not given.only or name in given.only:
                        say(f"{name} at {rows:,}")
                        outcomes[f"{name} {rows:,}"] = measure(made)
    took = time.perf_counter() - begun
    lines = [row for outcome in outcomes.values() for row in outcome.rows]
    tell("\n".join(["", *table(lines), "", f"{took:.0f} s"]))
    if given.write:
        raw = {
            "machine": on,
            "took_s": round(took, 1),
            "quick": given.quick,
            "outcomes": outcomes,
        }
        (given.write / benchmarks.SEARCH).write_bytes(written(raw))
        _plot(outcomes, given.write)
        benchmarks.write(given.write)
    return 1 if any(row.met is False for row in lines) else 0


def _plot(outcomes: dict[str, Outcome], directory: Path) -> None:
    """Draw the times of tenants beside the page."""
    asked = {
        outcome.raw["rows"]: outcome.raw["asked"]
        for outcome in outcomes.values()
        if "asked" in outcome.raw
    }
    if asked:
        plot = drawn(benchmarks.PLOTTED, plotted(asked))
        (directory / benchmarks.PLOT).write_text(plot, encoding="utf-8")


def _filling(made: Crowd) -> Outcome:
    took = made.took_s
    row = Row(
        what=f"{made.rows:,} labels: copied in, then indexed",
        value=made.rows / sum(took.values()),
        unit="labels/s",
        how="COPY of entities, tags and labels with both vectors, then both HNSW indexes.",
        beside=", ".join(f"{phase} {seconds:.1f} s" for phase, seconds in took.items()),
    )
    return Outcome([row], {"took_s": took})


def _given(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.search",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--rows", action="append", type=number, metavar="N", help="labels; may be given again"
    )
    parser.add_argument("--quick", action="store_true", help="10,000 labels only")
    parser.add_argument(
        "--only", action="append", choices=MEASURES, help="this measurement; may be given again"
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="ESCO files (docs/import.md); else the sample"
    )
    parser.add_argument(
        "--cache", type=Path, required=True, metavar="DIR", help="where vectors are kept"
    )
    parser.add_argument(
        "--write", type=writable, metavar="DIR", help="write the page and every number there"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
