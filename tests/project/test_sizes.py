"""House numbers: files, functions and statements stay readable in one sitting."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import service

MODULE_LINES_MAX = 250
FUNCTION_LINES_MAX = 50
STATEMENT_LINES_MAX = 60
# A module is named for what it is responsible for.
BUCKETS = {"common", "helpers", "misc", "types", "util", "utils"}

type_of_function = (ast.FunctionDef, ast.AsyncFunctionDef)


@pytest.fixture(scope="module")
def modules(root: Path) -> list[Path]:
    """Give the Python files of the package, and those of the benchmarks."""
    return sorted([*Path(service.__file__).parent.rglob("*.py"), *(root / "bench").rglob("*.py")])


def functions(module: Path) -> Iterator[tuple[str, int]]:
    """Give name and length of each function, its docstring left out."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, type_of_function):
            body = node.body[1:] if ast.get_docstring(node) and node.body[1:] else node.body
            yield f"{module.name}:{node.name}", (node.end_lineno or 0) - body[0].lineno + 1


def test_modules_are_short(modules: list[Path]) -> None:
    """No module of service/ or bench/ has more than 250 lines."""
    lengths = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in modules}

    assert {} == {name: n for name, n in lengths.items() if n > MODULE_LINES_MAX}


def test_functions_are_short(modules: list[Path]) -> None:
    """No function of service/ or bench/ has a body of more than 50 lines."""
    found = {name: n for path in modules for name, n in functions(path)}

    assert found
    assert {} == {name: n for name, n in found.items() if n > FUNCTION_LINES_MAX}


def test_statements_are_short(root: Path) -> None:
    """No statement below sql/ has more than 60 lines without its comments."""
    lengths = {
        path.stem: sum(
            1
            for line in path.read_text(encoding="utf-8").splitlines()
            if line.strip() and not line.lstrip().startswith("--")
        )
        for path in (root / "sql").rglob("*.sql")
    }

    assert lengths
    assert {} == {stem: n for stem, n in lengths.items() if n > STATEMENT_LINES_MAX}


def test_modules_are_named_for_what_they_own(modules: list[Path]) -> None:
    """No module or package is a bucket for what found no place."""
    names = {part.removesuffix(".py") for path in modules for part in path.parts[-2:]}

    assert set() == names & BUCKETS
