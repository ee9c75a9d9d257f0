"""A stranger's client, made by a stock generator, walks the whole life of a skill."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import BARE
from tests.strangers import DESCRIPTION, Stranger, stranger

pytestmark = pytest.mark.timeout(600)

HERE = Path(__file__).parent
NO_NODE = "`npm` is not on the PATH: the TypeScript client needs Node.js 20 or newer with npm."


@pytest.fixture
def service() -> Iterator[Stranger]:
    """Have an empty registry."""
    with stranger() as found:
        yield found


def test_python_client_lives(service: Stranger, tmp_path: Path) -> None:
    """The client of openapi-python-client is complete, and does what the description says."""
    tools = Path(sys.executable).parent
    generated = run(
        [tools / "openapi-python-client", "generate", "--path", DESCRIPTION, "--meta", "none",
         "--config", HERE / "python" / "config.yml", "--output-path", tmp_path / "plant_client",
         "--fail-on-warning"],
        tmp_path, {"PATH": f"{tools}:{BARE['PATH']}"},
    )  # fmt: skip
    lived = run(
        [sys.executable, HERE / "python" / "smoke.py"],
        tmp_path, identities(service) | {"PYTHONPATH": f"{tmp_path}:{BARE['PYTHONPATH']}"},
    )  # fmt: skip

    assert "arning" not in generated
    assert "lived\n" == lived


def test_typescript_client_lives(service: Stranger, tmp_path: Path) -> None:
    """The types of openapi-typescript are strict TypeScript, and do what the description says."""
    npm = shutil.which("npm")
    assert npm is not None, NO_NODE
    folder = tmp_path / "typescript"
    shutil.copytree(HERE / "typescript", folder, ignore=shutil.ignore_patterns("node_modules"))
    where = {"PATH": f"{Path(npm).parent}:{BARE['PATH']}"}
    run([npm, "ci", "--ignore-scripts"], folder, where)
    # A member with a default may be left out of a request.
    run(
        ["node_modules/.bin/openapi-typescript", DESCRIPTION, "--output", "schema.d.ts",
         "--default-non-nullable", "false"],
        folder, where,
    )  # fmt: skip
    run(["node_modules/.bin/tsc", "--project", "."], folder, where)
    lived = run(["node", "out/smoke.js"], folder, where | identities(service))

    assert "lived\n" == lived


def identities(service: Stranger) -> dict[str, str]:
    """Make two keys: nobody certifies their own work."""
    return {
        "PLANT_URL": service.url,
        "AUTHOR": service.key("pottery", "alice", "read,write"),
        "CERTIFIER": service.key("pottery", "bob", "read,certify"),
    }


def run(command: list[str | Path], folder: Path, more: dict[str, str]) -> str:
    """Run a command in a folder and give what it printed; it must end well."""
    done = subprocess.run(
        command, cwd=folder, env=BARE | {"HOME": str(Path.home())} | more,
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, f"{command[0]}\n{done.stdout[-8000:]}\n{done.stderr[-8000:]}"
    return done.stdout
