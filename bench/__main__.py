"""Measure what is promised of the speed of the log and of search, one after the other."""

import argparse
import sys
from pathlib import Path
from typing import Final

from bench.audit import __main__ as audit
from bench.search import __main__ as search

EPILOG: Final = """\
`python -m bench.audit` and `python -m bench.search` do one of the two, and have more options. The
exit code is 1 when a goal was missed."""


def main(arguments: list[str]) -> int:
    """Measure both, or what is asked for; 1 when a goal was missed."""
    given = _given(arguments)
    only = given.only or [*audit.BENCHMARKS, *search.MEASURES]
    quick = ["--quick"] if given.quick else []
    codes = []
    for measure, names, own, files in (
        (audit.main, audit.BENCHMARKS, [], ("bench.json", "benchmark.md")),
        (
            search.main,
            search.MEASURES,
            ["--cache", str(given.cache), *_repeated("--rows", given.rows or ())],
            ("benchmarks.json", "benchmarks.md"),
        ),
    ):
        wanted = [name for name in only if name in names]
        if not wanted:
            continue
        words = [*own, *quick, *_repeated("--only", wanted)]
        if given.write:
            words += ["--json", str(given.write / files[0]), "--page", str(given.write / files[1])]
        codes.append(measure(words))
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
        choices=[*audit.BENCHMARKS, *search.MEASURES],
        help="this benchmark; may be given again",
    )
    parser.add_argument("--quick", action="store_true", help="smaller sizes, in four minutes")
    parser.add_argument(
        "--rows", action="append", type=int, metavar="N", help="labels that search is measured at"
    )
    parser.add_argument(
        "--cache", type=Path, required=True, metavar="DIR", help="where vectors are kept"
    )
    parser.add_argument("--write", type=Path, metavar="DIR", help="write pages and numbers there")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
