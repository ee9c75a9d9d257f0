"""Write migrations/rules.*.manifest again: the rules of a database that was just migrated."""

import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from service.migrate import manifest  # noqa: E402 - the tests' server is no package
from service.migrate.facts import facts  # noqa: E402
from service.migrate.release import release  # noqa: E402
from service.migrate.runner import apply  # noqa: E402
from service.migrate.session import READING, connect  # noqa: E402
from tests.postgres import server  # noqa: E402

MIGRATIONS: Final = ROOT / "migrations"


def main() -> int:
    """Write the manifest of the server's major version."""
    brings = release(MIGRATIONS)
    with server() as cluster:
        url = cluster.url("owner", cluster.create("rules"))
        apply(url, brings=brings)
        with connect(url, READING) as connection:
            major = connection.info.server_version // 10_000
            text = manifest.written(brings.migrations[-1].id, facts(connection))
    (MIGRATIONS / manifest.NAMED.format(major)).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
