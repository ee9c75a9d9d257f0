"""What each test touches, seen once on the sound database: the ground on which tests are chosen."""

import ast
import hashlib
import inspect
import os
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import coverage
import msgspec
import pytest
from msgspec import Struct, field

from service.repository.base import Repository
from tests.postgres import Server
from tests.sabotage.fork import Say, forked, run

TOUCHED = """
SELECT schemaname || '.' || funcname, calls FROM pg_stat_user_functions
UNION ALL
SELECT
    schemaname || '.' || relname,
    seq_scan + coalesce(idx_scan, 0) + n_tup_ins + n_tup_upd + n_tup_del
FROM pg_stat_user_tables
"""
MODULE_S_MAX = 900.0


class Seen(Struct):
    """One test on the sound database: seconds of all its phases, statements and code it ran."""

    seconds: float = 0.0
    passed: bool = True
    statements: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)


class Module(Struct):
    """One file of tests, as it was when it was recorded."""

    digest: str
    tests: dict[str, Seen] = field(default_factory=dict)
    touched: dict[str, int] = field(default_factory=dict)


class Record:
    """All files of tests that were recorded, kept in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.modules: dict[str, Module] = {}
        if path.is_file():
            self.modules = msgspec.json.decode(path.read_bytes(), type=dict[str, Module])

    def seen(self, item: pytest.Item) -> Seen | None:
        """Give what was seen of a test."""
        module = self.modules.get(item.nodeid.partition("::")[0])
        return module.tests.get(item.nodeid) if module else None

    def complete(self, session: pytest.Session, template: str, tree: Path, log: Path) -> None:
        """Record every file that is new or changed."""
        files: dict[str, list[pytest.Item]] = defaultdict(list)
        for item in session.items:
            files[item.nodeid.partition("::")[0]].append(item)
        self.modules = {name: self.modules[name] for name in self.modules if name in files}
        for name, items in files.items():
            digest = hashlib.sha256((tree / name).read_bytes()).hexdigest()[:16]
            if name in self.modules and self.modules[name].digest == digest:
                continue
            module = Module(digest)
            for message in forked(
                lambda say, items=items: _recorded(session, items, template, tree, say),  # type: ignore[misc]
                log=log,
                seconds=MODULE_S_MAX,
            ):
                _noted(module, message)
            self.modules[name] = module
            self._path.write_bytes(msgspec.json.encode(self.modules))
            bad = [test for test, seen in module.tests.items() if not seen.passed]
            total = sum(seen.seconds for seen in module.tests.values())
            words = [f"recorded {name}: {len(module.tests)} tests, {total:.1f} s", *bad]
            sys.stdout.write(" ".join(words) + "\n")
            sys.stdout.flush()


def _noted(module: Module, message: dict[str, Any]) -> None:
    if "started" in message:
        module.tests[message["started"]] = Seen()
    elif "test" in message:
        seen = module.tests[message["test"]]
        seen.seconds = round(seen.seconds + message["seconds"], 3)
        seen.passed = seen.passed and message["outcome"] == "passed"
    elif "touched" in message:
        for name, count in message["touched"].items():
            module.touched[name] = module.touched.get(name, 0) + count
    elif "code" in message:
        module.tests[message["of"]].code = message["code"]
    elif "statements" in message:
        module.tests[message["of"]].statements = message["statements"]
    elif message.get("ended") != "done" and module.tests:
        module.tests[list(module.tests)[-1]].passed = False


def _recorded(
    session: pytest.Session, items: list[pytest.Item], template: str, tree: Path, say: Say
) -> None:
    os.environ["PLANT_TEST_TEMPLATE"] = template
    measure = coverage.Coverage(
        data_file=None, config_file=False, include=[str(tree / "service/*")], messages=False
    )
    spy = _Spy(measure, say)
    session.config.pluginmanager.register(spy)
    measure.start()
    run(session, items, say, on=True)
    measure.stop()
    spy.tell()


class _Spy:
    """Notes by test which statements were sent and which functions of service/ ran."""

    def __init__(self, measure: coverage.Coverage, say: Say) -> None:
        self._measure = measure
        self._say = say
        self._test = ""
        self._statements: dict[str, set[str]] = defaultdict(set)
        # Every statement of the service passes here, whatever its shape.
        sent, drop = Repository._sent, Server.drop  # noqa: SLF001

        async def noting(repository: Repository, statement: Any, *rest: Any, **how: Any) -> Any:
            self._statements[self._test].add(statement.name)
            return await sent(repository, statement, *rest, **how)

        def asking(server: Server, name: str) -> None:
            self._say({"touched": {row[0]: row[1] for row in server.run(TOUCHED, name) if row[1]}})
            drop(server, name)

        setattr(Repository, "_sent", noting)  # noqa: B010 - mypy minds an assignment
        setattr(Server, "drop", asking)  # noqa: B010

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Note what follows under this test's name."""
        self._test = item.nodeid
        self._measure.switch_context(item.nodeid)

    def tell(self) -> None:
        """Tell everything that was noted."""
        for test, names in self._statements.items():
            if test:
                self._say({"of": test, "statements": sorted(names)})
        code: dict[str, set[str]] = defaultdict(set)
        data = self._measure.get_data()
        for path in data.measured_files():
            owners = functions(Path(path))
            for line, tests in data.contexts_by_lineno(path).items():
                if line in owners:
                    for test in tests:
                        code[test].add(f"{Path(path).name}:{owners[line]}")
        for test, names in code.items():
            if test:
                self._say({"of": test, "code": sorted(names)})


def functions(path: Path) -> dict[int, str]:
    """Name the function that each line inside a body stands in."""
    owners: dict[int, str] = {}

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                name = f"{prefix}{child.name}"
                for line in range(child.body[0].lineno, (child.end_lineno or 0) + 1):
                    owners[line] = name
                # Inner functions count for the outer one, whose code they are part of.
            else:
                is_class = isinstance(child, ast.ClassDef)
                visit(child, f"{prefix}{child.name}." if is_class else prefix)  # type: ignore[attr-defined]

    visit(ast.parse(path.read_text(encoding="utf-8")), "")
    return owners


def source(item: pytest.Item) -> str:
    """Give the text of a test."""
    try:
        return inspect.getsource(item.function)  # type: ignore[attr-defined]
    except (OSError, TypeError, AttributeError):
        return ""
