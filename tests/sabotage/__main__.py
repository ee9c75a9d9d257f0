"""Start the run in a copy of the tree, which mutants may edit: `python -m tests.sabotage`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.sabotage.ground import copied

ROOT = Path(__file__).resolve().parents[2]
MEMORY = Path("/dev/shm")  # noqa: S108 - directories in it have names nobody can guess
ROOM_MIN = 4 << 30
"""Free bytes from which databases are made in memory: a part of a run needs less than 1 GiB."""


def _in_memory() -> None:
    """Make temporary files in memory, where there is room and no other place was asked for.

    Databases are cloned and dropped by the thousand. ext4 passes over the inodes that were freed in
    the last five seconds one by one to make a file, which took a third of both cores.
    """
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM_MIN:
        os.environ.setdefault("TMPDIR", str(MEMORY))


def main(arguments: list[str]) -> int:
    """Run in a copy; results stay in .sabotage/ and docs/ of the tree itself."""
    (ROOT / ".sabotage").mkdir(exist_ok=True)
    _in_memory()
    with copied(ROOT) as tree:
        environ = {name: value for name, value in os.environ.items() if "COV_" not in name}
        # The copy comes before the tree that is installed.
        environ |= {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "tests.sabotage.campaign", str(ROOT), *arguments]
        return subprocess.run(command, cwd=tree, env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
