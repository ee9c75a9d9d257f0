"""What the project tests look at: the root, the files git knows, the files of the wheel."""

import json
import subprocess
from importlib.metadata import distribution
from pathlib import Path
from zipfile import ZipFile

import pytest
from hatchling.builders.wheel import WheelBuilder

DISTRIBUTION = "plant-registry"


@pytest.fixture(scope="session")
def root() -> Path:
    """Give the folder that holds pyproject.toml."""
    return Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def tracked(root: Path) -> list[Path]:
    """Give the files a commit would hold, or all files where there is no repository."""
    if not (root / ".git").exists():
        return sorted(path for path in root.rglob("*") if path.is_file() and not cached(path))
    git = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    command = [*git, "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    names = set(listed.stdout.split("\0")) - {""}
    return sorted(path for name in names if (path := root / name).is_file())


@pytest.fixture(scope="session")
def editable() -> bool:
    """Tell whether `service` is the tree itself or an installed wheel."""
    told = distribution(DISTRIBUTION).read_text("direct_url.json") or "{}"
    return bool(json.loads(told).get("dir_info", {}).get("editable"))


@pytest.fixture(scope="session")
def wheel_files(
    root: Path, *, editable: bool, tmp_path_factory: pytest.TempPathFactory
) -> set[str]:
    """Give the names in the wheel: the installed one, else one built from the tree."""
    if not editable:
        return {str(file) for file in distribution(DISTRIBUTION).files or []}
    folder = tmp_path_factory.mktemp("wheel")
    (wheel,) = WheelBuilder(str(root)).build(directory=str(folder), versions=["standard"])
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def cached(path: Path) -> bool:
    """Tell whether a file was left by a tool rather than written by a person."""
    return any(part.startswith((".pytest_cache", "__pycache__")) for part in path.parts)
