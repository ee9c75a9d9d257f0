"""Refuse a package of service/ whose branch coverage is below the bound; write htmlcov/."""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from coverage import Coverage

if TYPE_CHECKING:
    from collections.abc import Iterable

BOUND_PERCENT = 90.0


def package_of(path: Path) -> str:
    """Name the package a file counts for: `service` itself or one folder below it."""
    below = path.parts[path.parts.index("service") + 1 :]
    return "service" if len(below) == 1 else f"service.{below[0]}"


def by_package(coverage: Coverage) -> dict[str, tuple[int, int]]:
    """Add up executed and executable lines and branches of each package."""
    sums: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for file in coverage.get_data().measured_files():
        numbers = coverage._analyze(file).numbers  # noqa: SLF001 - the public report has no package sums
        hit, all_of_them = numbers.ratio_covered
        package = package_of(Path(file))
        sums[package] = (sums[package][0] + hit, sums[package][1] + all_of_them)
    return sums


def below_bound(sums: dict[str, tuple[int, int]]) -> Iterable[str]:
    """Print a line for each package and give the names of those below the bound."""
    for package, (hit, all_of_them) in sorted(sums.items()):
        percent = 100.0 * hit / all_of_them if all_of_them else 100.0
        sys.stdout.write(f"{percent:6.1f} %  {package}\n")
        if percent < BOUND_PERCENT:
            yield package


def main() -> int:
    """Report, write the HTML and answer 1 when a package is below the bound."""
    coverage = Coverage()
    coverage.load()
    coverage.html_report()
    low = list(below_bound(by_package(coverage)))
    if low:
        sys.stdout.write(f"below {BOUND_PERCENT} %: {', '.join(low)}\n")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
