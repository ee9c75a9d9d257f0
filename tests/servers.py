"""Directories and questions for the tests of the server itself."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg

from service.settings import Settings

PLANT = [sys.executable, "-m", "service"]
# Nothing of whoever runs the tests but what finds the package and measures its coverage.
BARE = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
BARE |= {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}


@contextmanager
def room() -> Iterator[Path]:
    """Give a directory that every user may pass to and whose path is short: tmp_path is neither."""
    directory = Path(tempfile.mkdtemp(prefix="plant-"))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@contextmanager
def settings_with_room() -> Iterator[Settings]:
    """Give settings with an empty data directory."""
    with room() as directory:
        yield Settings(data_dir=directory / "data")


def copy(settings: Settings, data_dir: Path) -> Settings:
    """Give settings with a copy of a data directory whose server does not run: no first start."""
    subprocess.run(["cp", "-a", settings.data_dir, data_dir], check=True)
    return Settings(data_dir=data_dir)


def ask(url: str, statement: str) -> Any:
    """Run a statement and give its one value."""

    async def asked() -> Any:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(asked())


def plant(directory: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a process of its own, in a directory and with a bare environment."""
    return subprocess.run(
        [*PLANT, *words],
        cwd=directory,
        env={**BARE, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
