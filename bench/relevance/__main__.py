"""Measure on real labels whether the right ones are found, each number against its goal."""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench.machine import machine
from bench.page import Title, page
from bench.relevance import commands, duplicates, finding, matching, named, rivals
from bench.relevance.session import Session, session
from bench.relevance.vectors import MODEL
from bench.result import Outcome, table
from bench.running import clear_up_when_ended, room, tell, timed, written

MEASURES: Final[dict[str, Callable[[Session], Outcome]]] = {
    "named": named.measure,
    "finding": finding.measure,
    "matching": matching.measure,
    "duplicates": duplicates.measure,
    "rivals": rivals.measure,
    "commands": commands.measure,
}
TITLE: Final = Title(
    "Relevance",
    """\
Written by `tox -e relevance -- DIR`, which loads the ESCO files of a folder into a server of its
own and asks the use cases of search and matching. Recall@n is the share of questions whose answer
was among the first n. [relevance.json](relevance.json) has every place.

The aliases that are asked for are committed (`bench/relevance/queries.json`), and so is what four
texts of a person have to find (`bench/relevance/named.json`). These numbers hold for leaving out
one label at a time.""",
)
EPILOG: Final = """\
DIR is a folder as `plant import --from esco` takes it (docs/import.md). A run takes about half an
hour on two cores, the first one ten minutes more for vectors, which the cache keeps. The exit code
is 1 when a goal was missed."""


def main(arguments: list[str]) -> int:
    """Measure, tell, and write what is asked for; 1 when a goal was missed."""
    given = _given(arguments)
    clear_up_when_ended()
    load, begun = os.getloadavg()[0], time.perf_counter()
    outcomes: dict[str, Outcome] = {}
    with room() as directory, session(directory, given.data, given.cache, timed(begun)) as shared:
        on = machine(str(shared.ground.run("SHOW server_version")[0][0]), load)
        loaded = {"labels": len(shared.stock.labels), "took_s": shared.stock.took_s}
        for name, measure in MEASURES.items():
            if not given.only or name in given.only:
                outcomes[name] = measure(shared)
    took = time.perf_counter() - begun
    rows = [row for outcome in outcomes.values() for row in outcome.rows]
    tell("\n".join(["", *table(rows), "", f"{took:.0f} s"]))
    if given.json:
        raw = {"machine": on, "model": MODEL, "loaded": loaded, "outcomes": outcomes}
        given.json.write_bytes(written(raw))
    if given.page:
        given.page.write_text(page(TITLE, rows, on, took), encoding="utf-8")
    return 1 if any(row.met is False for row in rows) else 0


def _given(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.relevance",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path, metavar="DIR", help="the folder of ESCO files")
    parser.add_argument(
        "--only", action="append", choices=MEASURES, help="this measurement; may be given again"
    )
    parser.add_argument(
        "--cache", type=Path, required=True, metavar="DIR", help="where vectors are kept"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number there")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write a page there, in Markdown")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
