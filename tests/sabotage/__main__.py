"""Start the run in a copy of the tree, which mutants may edit: `python -m tests.sabotage`."""

import os
import subprocess
import sys
from pathlib import Path

from tests.sabotage.ground import copied

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    """Run in a copy; results stay in .sabotage/ and docs/ of the tree itself."""
    (ROOT / ".sabotage").mkdir(exist_ok=True)
    with copied(ROOT) as tree:
        environ = {name: value for name, value in os.environ.items() if "COV_" not in name}
        # The copy comes before the tree that is installed.
        environ |= {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "tests.sabotage.campaign", str(ROOT), *arguments]
        return subprocess.run(command, cwd=tree, env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
