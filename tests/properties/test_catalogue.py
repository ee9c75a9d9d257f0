"""docs/properties.md: the 80 properties, each with the test that shows it."""

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

FOLDER: Final = "tests/properties"
ROW: Final = re.compile(r"^\| (\d+) \| (.+?) \| `(\w+\.py)::(\w+)` \| (.+) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def rows(root: Path) -> list[tuple[str, ...]]:
    """Give number, property, file, test and what it shows."""
    return ROW.findall((root / "docs/properties.md").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def root() -> Path:
    """Give the folder of the project."""
    return Path(__file__).resolve().parents[2]


def test_the_page_counts_to_80(rows: list[tuple[str, ...]]) -> None:
    """Each number stands once, in order, and no test stands for two."""
    assert [str(number) for number in range(1, 81)] == [row[0] for row in rows]
    assert 80 == len({row[2:4] for row in rows})
    assert 7 == len({row[2] for row in rows})


def test_each_row_says_what_its_test_says(root: Path, rows: list[tuple[str, ...]]) -> None:
    """The last column is the test's docstring."""
    said = {
        (path.name, node.name): (ast.get_docstring(node) or "").partition("\n")[0]
        for path in (root / FOLDER).glob("test_*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }

    written = {(file, test): shown for _, _, file, test, shown in rows}

    assert {} == {key: said.get(key) for key, shown in written.items() if said.get(key) != shown}


def test_each_test_is_collected(root: Path, rows: list[tuple[str, ...]]) -> None:
    """Pytest finds all 80 by their names, and skips and deselects none."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, FOLDER], cwd=root, capture_output=True, text=True, check=True, timeout=60
    )
    found = set(re.findall(rf"^{FOLDER}/(\w+\.py)::(\w+)", done.stdout, re.MULTILINE))

    assert set() == {row[2:4] for row in rows} - found
    assert "deselected" not in done.stdout
