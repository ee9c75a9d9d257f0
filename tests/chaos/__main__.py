"""The chaos run: `python -m tests.chaos` breaks everything but the promises."""

import argparse
import asyncio
import secrets
import sys
from pathlib import Path

from tests.chaos.overload import overload
from tests.chaos.report import made, page, summary, under_load
from tests.chaos.run import run


def main(arguments: list[str]) -> int:
    """Run, tell, and write the page when one is asked for; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="time for faults (default 60)")
    parser.add_argument(
        "--faults", type=int, default=0, help="go on until there were this many, or more"
    )
    parser.add_argument("--operations", type=int, default=0, help="and this many operations")
    parser.add_argument("--seed", type=int, help="repeat the drawing of a run")
    parser.add_argument("--only", action="append", help="this kind of fault and no other")
    parser.add_argument("--page", type=Path, help="write the result there, in Markdown")
    parser.add_argument(
        "--overload", type=float, default=12, help="seconds of twice the capacity; 0 for none"
    )
    given = parser.parse_args(arguments)
    seed = secrets.randbelow(1 << 32) if given.seed is None else given.seed
    _tell(f"seed {seed}")
    head = made() if given.page else ""
    result = asyncio.run(
        run(
            seed,
            seconds=given.seconds,
            faults=given.faults,
            operations=given.operations,
            only=given.only,
            tell=_tell,
        )
    )
    _tell(summary(result))
    load = asyncio.run(overload(given.overload)) if given.overload else None
    if load is not None:
        _tell(under_load(load))
    if given.page:
        command = " ".join(["tox -e chaos --", *arguments])
        given.page.write_text(page(result, load, command, head), encoding="utf-8")
    return 1 if result.broken or (load is not None and load.broken) else 0


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
