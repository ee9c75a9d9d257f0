"""Write migrations/rules.*.manifest again: the rules of a database just migrated, and restored."""

import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from service.catalog.load import load  # noqa: E402 - the tests' server is no package
from service.migrate import files, manifest  # noqa: E402
from service.migrate.facts import facts  # noqa: E402
from service.migrate.release import Release, name  # noqa: E402
from service.migrate.runner import apply  # noqa: E402
from service.migrate.session import READING, connect  # noqa: E402
from tests.postgres import server  # noqa: E402

MIGRATIONS: Final = ROOT / "migrations"


def main() -> int:
    """Write the manifest of the server's major version."""
    # What lies there of old, or half merged, need not be readable.
    brings = Release(files.read(MIGRATIONS), load(), name())
    with server() as cluster:
        fresh = cluster.create("fresh")
        apply(cluster.url("owner", fresh), brings=brings)
        found = []
        for database in (fresh, cluster.restore(fresh, "restored")):
            with connect(cluster.url("owner", database), READING) as connection:
                major = connection.info.server_version // 10_000
                found.append(facts(connection))
    text = manifest.written(brings.migrations[-1].id, *found)
    (MIGRATIONS / manifest.NAMED.format(major)).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
