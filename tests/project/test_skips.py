"""Skips are few and known: whatever is not on the list of tests/skips.toml runs everywhere."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

SKIPS_MAX = 5
SKIPPING = {"skip", "skipif", "xfail", "importorskip", "skipUnless", "skipIf", "SkipTest"}

Skip = tuple[str, str]


@pytest.fixture(scope="module")
def listed(root: Path) -> list[Skip]:
    """Give file and reason of each skip on the list."""
    text = (root / "tests" / "skips.toml").read_text(encoding="utf-8")
    return [(each["file"], each["reason"]) for each in tomllib.loads(text)["skip"]]


def skips(source: str) -> Iterator[str]:
    """Give the reason of each skip in a module; what has none gives an empty text."""
    tree = ast.parse(source)
    called = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", None)
        if name in SKIPPING:
            call = called.get(id(node))
            yield _reason(call) if call else ""


def _reason(call: ast.Call) -> str:
    given = [each.value for each in call.keywords if each.arg == "reason"] or call.args[:1]
    value = given[0] if given else None
    return str(value.value) if isinstance(value, ast.Constant) else ""


def test_every_skip_is_on_the_list(root: Path, tracked: list[Path], listed: list[Skip]) -> None:
    """The list and the tree have the same skips, with the same reasons."""
    modules = [path for path in tracked if path.suffix == ".py" and root / "tests" in path.parents]
    found = [
        (path.relative_to(root).as_posix(), reason)
        for path in modules
        if path != Path(__file__).resolve()
        for reason in skips(path.read_text(encoding="utf-8"))
    ]

    assert modules
    assert sorted(listed) == sorted(found)


def test_skips_are_few_and_have_reasons(listed: list[Skip]) -> None:
    """There are at most five, each with a reason."""
    assert len(listed) <= SKIPS_MAX
    assert all(reason.strip() for _, reason in listed)


@pytest.mark.parametrize(
    "source, reason",
    [
        ("@pytest.mark.skip\ndef test_a(): pass", ""),
        ("@pytest.mark.skipif(x, reason='cold')\ndef test_a(): pass", "cold"),
        ("def test_a():\n    pytest.skip('wet')", "wet"),
        ("@xfail(reason='dry')\ndef test_a(): pass", "dry"),
    ],
)
def test_each_way_to_skip_is_seen(source: str, reason: str) -> None:
    """Marks with and without reason and calls within a test are found."""
    assert [reason] == list(skips(source))
