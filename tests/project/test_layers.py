"""Imports point one way, and the contract that says so can be broken."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import service

LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


def lint_imports(folder: Path, config: Path) -> subprocess.CompletedProcess[str]:
    """Run the linter where `service` is the one in a folder."""
    command = [str(LINT_IMPORTS), "--config", str(config), "--no-cache"]
    environ = {**os.environ, "PYTHONPATH": str(folder), "NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.run(
        command, cwd=folder, env=environ, check=False, capture_output=True, text=True
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy the package's modules to a folder where they may be spoiled."""
    source = Path(service.__file__).parent
    ignore = shutil.ignore_patterns("__pycache__", "_sql", "_migrations", "_docs")
    shutil.copytree(source, tmp_path / "service", ignore=ignore)
    return tmp_path


class TestLayers:
    """The contract of .importlinter."""

    def test_are_kept(self, root: Path) -> None:
        """No module imports one of a layer above its own."""
        found = lint_imports(Path(service.__file__).parents[1], root / ".importlinter")

        assert found.returncode == 0, found.stdout

    def test_an_upward_import_is_refused(self, root: Path, copy: Path) -> None:
        """The lowest layer importing the command line breaks the contract."""
        with (copy / "service" / "errors.py").open("a", encoding="utf-8") as module:
            module.write("\nimport service.cli\n")

        found = lint_imports(copy, root / ".importlinter")

        assert found.returncode == 1
        assert "service.errors is not allowed to import service.cli" in found.stdout

    def test_a_module_without_a_place_is_refused(self, root: Path, copy: Path) -> None:
        """A new module has to be put into a layer."""
        (copy / "service" / "elsewhere.py").write_text('"""New."""\n', encoding="utf-8")

        found = lint_imports(copy, root / ".importlinter")

        assert found.returncode == 1
        assert "service.elsewhere" in found.stdout
