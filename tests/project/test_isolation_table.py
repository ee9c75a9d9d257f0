"""docs/isolation.md names tests that pytest collects, and leaves none of an anomaly out."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ANOMALIES = ("test_dirty", "test_lost_updates", "test_snapshots", "test_write_skew")
COLLECT = ("-m", "pytest", "--collect-only", "-q", "-m", "", "-p", "no:randomly", "tests/isolation")


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    """Read the page."""
    return (root / "docs" / "isolation.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def collected(root: Path) -> list[tuple[str, str, str]]:
    """Give module, class and name of each test of tests/isolation, as pytest has them."""
    told = subprocess.run(
        [sys.executable, *COLLECT], cwd=root, check=True, capture_output=True, text=True
    )
    found = re.findall(r"isolation/(\w+)\.py::(?:(\w+)::)?(\w+)", told.stdout)
    return sorted(set(found))


def test_what_the_page_names_is_there(page: str, collected: list[tuple[str, str, str]]) -> None:
    """Every test and class in backticks is collected."""
    named = set(re.findall(r"`((?:test_|Test)\w+)`", page))
    known = {name for _, of_class, test in collected for name in (of_class, test)}

    assert named
    assert set() == named - known


def test_no_anomaly_is_left_out(page: str, collected: list[tuple[str, str, str]]) -> None:
    """Every test of the modules on anomalies stands in a row of the table."""
    rows = "\n".join(line for line in page.splitlines() if line.startswith("| "))
    tests = {test for module, _, test in collected if module in ANOMALIES}

    assert len(tests) > len(ANOMALIES)
    assert set() == {test for test in tests if f"`{test}`" not in rows}


def test_each_row_says_what_rules_it_out(page: str) -> None:
    """Anomaly, place, level, reason and a test: only a row's counterpart may be empty."""
    table = page.partition("## Anomalies")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| ")]

    assert {6} == {len(row) for row in rows}
    assert [] == [row for row in rows if not all(cell.strip() for cell in row[:5])]
