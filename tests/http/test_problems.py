"""Every problem type is met by a test over HTTP, or stands here with the reason why not."""

import ast
from pathlib import Path

from service.errors import BY_SLUG

NOT_MET = {
    "conflict": "what is left over: each constraint that a request can break has its own type",
    "import-incomplete": "tests/usecases/test_imports_absent.py meets it, in the outcome of a line",
}

# Its handlers raise problems on purpose, which shows nothing about the service.
STAGED = "test_request.py"


def literals() -> set[str]:
    """Give every text that a test against the whole service compares with."""
    folder = Path(__file__).parent
    modules = [*folder.glob("test_*.py"), *(folder.parent / "security").glob("test_*.py")]
    found: set[str] = set()
    for module in modules:
        if module.name in {STAGED, Path(__file__).name}:
            continue
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


def test_every_problem_is_met_or_excused() -> None:
    """No type is there that nobody ever gets, and no excuse outlives its reason."""
    met = set(BY_SLUG) & literals()

    assert set(BY_SLUG) == met | set(NOT_MET)
    assert set() == met & set(NOT_MET)
