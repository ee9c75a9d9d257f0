"""Measure what is promised of the speed of the log, each number against its goal."""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench.audit import bundles, delay, inserts, receipts, sealing, verifying
from bench.audit.session import Session, session
from bench.machine import QUIET, machine
from bench.page import Title, page
from bench.result import Outcome, table
from bench.running import clear_up_when_ended, room, tell, timed, written
from bench.scale import FULL, QUICK

BENCHMARKS: Final[dict[str, Callable[[Session], Outcome]]] = {
    "inserts": inserts.measure,
    "delay": delay.measure,
    "catchup": sealing.measure,
    "verify": verifying.measure,
    "receipts": receipts.measure,
    "bundles": bundles.measure,
}
TITLE: Final = Title(
    "Benchmark",
    """\
Written by `tox -e bench`, which measures what is promised of the speed of [the log](audit.md).
[bench.json](bench.json) has every single number.""",
)
EPILOG: Final = """\
A full run takes about ten minutes on two cores and wants the machine for itself; it makes its own
server in a directory for temporary files (TMPDIR), some 3 GB, and removes it. The exit code is 1
when a goal was missed."""


def main(arguments: list[str]) -> int:
    """Measure, tell, and write what is asked for; 1 when a goal was missed."""
    given = _given(arguments)
    clear_up_when_ended()
    scale = QUICK if given.quick else FULL
    if given.quick:
        tell("QUICK: smaller sizes, shorter rounds; no number of it says whether a goal is met")
    load = os.getloadavg()[0]
    if load > QUIET:
        tell(f"The machine is at work already (load {load:.1f}): rates will be too low.")
    begun = time.perf_counter()
    outcomes: dict[str, Outcome] = {}
    with room() as directory, session(directory, scale, timed(begun)) as shared:
        on = machine(str(shared.ground.run("SHOW server_version")[0][0]), load)
        for name, measure in BENCHMARKS.items():
            if not given.only or name in given.only:
                outcomes[name] = measure(shared)
    took = time.perf_counter() - begun
    rows = [row for outcome in outcomes.values() for row in outcome.rows]
    tell("\n".join(["", *table(rows), "", f"{took:.0f} s"]))
    if given.json:
        raw = {"machine": on, "scale": scale, "took_s": round(took, 1), "outcomes": outcomes}
        given.json.write_bytes(written(raw))
    if given.page:
        given.page.write_text(page(TITLE, rows, on, took, quick=scale.quick), encoding="utf-8")
    return 1 if any(row.met is False for row in rows) else 0


def _given(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.audit",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only", action="append", choices=BENCHMARKS, help="this benchmark; may be given again"
    )
    parser.add_argument("--quick", action="store_true", help="two minutes, with smaller sizes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number there")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write a page there, in Markdown")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
