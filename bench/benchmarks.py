"""The page docs/benchmarks.md: what was measured of serving and of search, from the raw numbers.

`python -m bench.benchmarks DIR` writes it again from the files there.
"""

import argparse
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.arguments import writable
from bench.machine import Machine
from bench.page import Title, page
from bench.result import Row
from bench.serving import report as serving
from bench.serving.report import Serving

NAME: Final = "benchmarks.md"
SEARCH: Final = "benchmarks.json"
SERVING: Final = "serving.json"
PLOT: Final = "benchmarks-tenants.svg"
PLOTTED: Final = "p50 of a search over the size of the table, ours and the naive scan"
HEAD: Final = """\
# Benchmarks

Written by `tox -e bench`, which measures how fast rows go out as JSON, beside what one would take
instead, and what is promised of the speed of search. Every single number stands beside this page:
those of search in benchmarks.json, those of serving in serving.json. [benchmark.md](benchmark.md)
has the numbers of the log, [relevance.md](relevance.md) what search finds.
"""


class Search(msgspec.Struct, frozen=True):
    """What the raw numbers of search have, as far as the page shows it."""

    machine: Machine
    took_s: float
    outcomes: dict[str, dict[str, Any]]
    quick: bool = False


def write(directory: Path) -> None:
    """Write the page from the raw numbers that are in a directory."""
    parts = [HEAD]
    raw = directory / SERVING
    if raw.exists():
        measured = msgspec.json.decode(raw.read_bytes(), type=Serving)
        for name, plot in serving.drawn(measured).items():
            (directory / name).write_text(plot, encoding="utf-8")
        parts.append(serving.part(measured))
    raw = directory / SEARCH
    if raw.exists():
        parts.append(_search(msgspec.json.decode(raw.read_bytes(), type=Search)))
    (directory / NAME).write_text("\n".join(parts), encoding="utf-8")


def _search(measured: Search) -> str:
    rows = [
        row
        for outcome in measured.outcomes.values()
        for row in msgspec.convert(outcome["rows"], list[Row])
    ]
    intro = "Search on tables of different sizes; [benchmarks.json](benchmarks.json)."
    title = Title("Search", intro)
    text = page(title, rows, measured.machine, measured.took_s, quick=measured.quick, depth=2)
    if any("asked" in outcome["raw"] for outcome in measured.outcomes.values()):
        text += f"\n### Tenants and filters\n\n![{PLOTTED}]({PLOT})\n"
    return text


def main(arguments: list[str]) -> None:
    """Write the page again."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.benchmarks", description=f"Write {NAME} from the raw numbers."
    )
    parser.add_argument(
        "directory", type=writable, metavar="DIR", help=f"where {SERVING} or {SEARCH} is, or both"
    )
    directory = parser.parse_args(arguments).directory
    if not any((directory / raw).exists() for raw in (SERVING, SEARCH)):
        parser.error(f"{str(directory)!r} has neither {SERVING} nor {SEARCH}: measure first")
    try:
        write(directory)
    except msgspec.DecodeError as error:
        parser.error(f"the raw numbers cannot be read: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
