"""Run pgrls over a database just made by the migrations; .pgrls.toml has what is meant so."""

import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from service.migrate.runner import apply  # noqa: E402 - the tests' server is no package
from tests.postgres import server  # noqa: E402


def main() -> int:
    """Give pgrls' own exit code."""
    with server() as cluster:
        database = cluster.create("rights")
        apply(cluster.url("owner", database))
        return subprocess.run(
            [
                *(sys.executable, "-m", "pgrls", "lint", "--min-severity", "warning"),
                *("--config", ROOT / ".pgrls.toml"),
                *("--database-url", cluster.url("superuser", database)),
            ],
            check=False,
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
