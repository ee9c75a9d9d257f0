"""Measure what is promised of the speed of log, search and serving, one after the other."""

import argparse
import sys
from pathlib import Path
from typing import Final

from bench.arguments import number, writable
from bench.audit import __main__ as audit
from bench.search import __main__ as search
from bench.serving import __main__ as serving

EPILOG: Final = """\
`python -m bench.audit`, `python -m bench.search` and `python -m bench.serving` do one of the three,
and have more options. The exit code is 1 when a goal was missed, 2 when one could not tell."""
SERVING: Final = "serving"
NAMES: Final = (*audit.BENCHMARKS, *search.MEASURES, SERVING)


def main(arguments: list[str]) -> int:
    """Measure all, or what is asked for; 1 when a goal was missed."""
    given = _given(arguments)
    only = given.only or NAMES
    quick = ["--quick"] if given.quick else []
    write = ["--write", str(given.write)] if given.write else []
    rows = _repeated("--rows", given.rows or ())
    codes = []
    wanted = [name for name in only if name in audit.BENCHMARKS]
    if wanted:
        pages = ("--json", "bench.json", "--page", "benchmark.md") if given.write else ()
        paths = [one if one[:2] == "--" else str(given.write / one) for one in pages]
        codes.append(audit.main([*quick, *_repeated("--only", wanted), *paths]))
    wanted = [name for name in only if name in search.MEASURES]
    if wanted:
        cache = ["--cache", str(given.cache)]
        codes.append(search.main([*cache, *rows, *quick, *_repeated("--only", wanted), *write]))
    if SERVING in only:
        codes.append(serving.main(["--peers", str(given.peers), *rows, *quick, *write]))
    return max(codes)


def _repeated(option: str, values: list[str] | list[int] | tuple[()]) -> list[str]:
    return [word for value in values for word in (option, str(value))]


def _given(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=NAMES,
        help="this benchmark; may be given again",
    )
    parser.add_argument("--quick", action="store_true", help="smaller sizes, in ten minutes")
    parser.add_argument(
        "--rows",
        action="append",
        type=number,
        metavar="N",
        help="labels that search is measured at, and skills that are served",
    )
    parser.add_argument(
        "--cache", type=Path, required=True, metavar="DIR", help="where vectors are kept"
    )
    parser.add_argument(
        "--peers",
        type=Path,
        default=Path(".tox/bench/peers"),
        metavar="DIR",
        help="where the environment of those that are measured beside Plant is kept",
    )
    parser.add_argument(
        "--write", type=writable, metavar="DIR", help="write pages and numbers there"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
