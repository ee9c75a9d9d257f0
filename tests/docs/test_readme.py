"""What the documents tell a reader to type does what they say it does."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import service
from tests.docs.conftest import Reader
from tests.docs.pages import MARK, Promise, blocks, broken, script
from tests.servers import BARE

pytestmark = [pytest.mark.database, pytest.mark.timeout(300)]

PAGES = ["README.md", "docs/api.md", "docs/operations.md", "docs/audit.md", "docs/import.md"]
# How far a command has come is told beside its answer.
PROGRESS = re.compile(
    r"^(?:reading|importing|restoring|exporting|backing up \(MiB\)|writing|emptying|verifying \w+)"
    r": .*\n",
    re.MULTILINE,
)
# Refusals that a service author must have met with the README alone.
REFUSALS = {400, 401, 403, 404, 409, 412, 413, 415, 422, 428}
# A wheel carries sql/, migrations/ and docs/ in itself; the copy has to look beside itself.
LEFT_OUT = ("__pycache__", "_sql", "_migrations", "_docs")


@pytest.mark.skipif(
    shutil.which("curl") is None, reason="the documents' requests are typed with curl"
)
@pytest.mark.parametrize("name", PAGES)
def test_page_does_what_it_says(root: Path, reader: Reader, name: str) -> None:
    """Every shell block runs, and every answer is as the page shows it."""
    given = {
        "URL": reader.url,
        "AUTHOR": reader.keys["author"],
        "CERTIFIER": reader.keys["certifier"],
    }
    typed, promises = script(blocks(root / name), given)
    done = reader.shell(typed.replace("http://127.0.0.1:8080", reader.url))
    outputs = done.stdout.split(MARK)

    assert promises
    assert (0, "") == (done.returncode, PROGRESS.sub("", done.stderr))
    assert [] == [
        fault
        for promise, output in zip(promises, outputs[:-1], strict=True)
        for fault in broken(promise, output)
    ]


def test_readme_meets_every_refusal(root: Path) -> None:
    """The README alone leads to each status code that a service author has to handle."""
    _, promises = script(blocks(root / "README.md"), {})

    assert REFUSALS == {int(each.text[:3]) for each in promises if each.kind == "problem"}


def test_feature_of_the_readme_works(root: Path, tmp_path: Path) -> None:
    """The five edits apply to the tree as it is, and the test among them passes."""
    (patch,) = [block.text for block in blocks(root / "README.md") if block.language == "diff"]
    _copy(Path(service.__file__).parent, tmp_path / "service")
    for name in ("sql", "migrations", "docs", "tests", "pyproject.toml"):
        _copy(root / name, tmp_path / name)
    # Its own lines must not count for the coverage of ours.
    bare = {name: value for name, value in BARE.items() if not name.startswith("COVERAGE_")}
    applied = subprocess.run(
        ["git", "apply", "-"],
        input=patch, cwd=tmp_path, check=False, capture_output=True, text=True,
    )  # fmt: skip
    (test,) = re.findall(r"^\+\+\+ b/(tests/\S+)", patch, re.MULTILINE)
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test],
        cwd=tmp_path, env=bare | {"PYTHONPATH": ":".join([str(tmp_path), *sys.path])},
        check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip

    assert (0, "") == (applied.returncode, applied.stderr)
    assert tested.returncode == 0, tested.stdout


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(*LEFT_OUT))
    else:
        shutil.copy(source, target)


class TestPages:
    """The comparison itself can fail."""

    def test_other_status_is_seen(self) -> None:
        """A status that is not the promised one is a fault."""
        promise = Promise(1, "http", "HTTP/1.1 200 OK\n")

        assert list(broken(promise, "HTTP/1.1 404 Not Found\n\n{}"))

    def test_other_member_is_seen(self) -> None:
        """A member that differs from the shown one is a fault, one that is not shown is none."""
        promise = Promise(1, "http", 'HTTP/1.1 200 OK\n\n{"a": {"b": "x…"}}\n')

        assert [] == list(broken(promise, 'HTTP/1.1 200 OK\n\n{"a":{"b":"xy","c":1}}'))
        assert list(broken(promise, 'HTTP/1.1 200 OK\n\n{"a":{"b":"yx"}}'))
        assert list(broken(promise, 'HTTP/1.1 200 OK\n\n{"a":{}}'))

    def test_other_words_are_seen(self) -> None:
        """A problem of another type or without the words is a fault."""
        body = '{"type":"/docs/errors#name-taken","detail":"Taken."}'
        answer = f"HTTP/1.1 409 Conflict\n\n{body}"

        assert [] == list(broken(Promise(1, "problem", "409 name-taken Taken"), answer))
        assert list(broken(Promise(1, "problem", "409 in-use Taken"), answer))
        assert list(broken(Promise(1, "problem", "409 name-taken Free"), answer))

    def test_absent_line_is_seen(self) -> None:
        """A line that is not in the output, or not in that order, is a fault."""
        assert [] == list(broken(Promise(1, "text", "a | b\nc\n"), " a  |  b\n---\n c\n"))
        assert list(broken(Promise(1, "text", "c\na\n"), "a\nc\n"))
