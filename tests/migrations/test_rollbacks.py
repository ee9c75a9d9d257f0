"""What a rollback brings back, seen in what the database does and not in what it lists.

For migrations that make nothing which applying them again would trip over.
"""

import pytest

from service.migrate.runner import apply, roll_back
from tests.migrations.conftest import Cluster

pytestmark = [pytest.mark.database, pytest.mark.migrations]

IMPORT = "'00000000-0000-7000-8000-000000000001'"
TAKEN_TWICE = f"""
SELECT
    app.import_begin({IMPORT}),
    app.import_begin({IMPORT}),
    pg_advisory_unlock(app.import_lock({IMPORT})),
    pg_advisory_unlock(app.import_lock({IMPORT}))
"""
SAMPLED = """
SELECT histogram_bounds IS NOT NULL FROM pg_stats
WHERE schemaname = 'app' AND tablename = 'tenant' AND attname = 'name'
"""


def _sampled(cluster: Cluster, database: str) -> list[tuple[bool]]:
    cluster.run("ANALYZE app.tenant", database)
    return cluster.run(SAMPLED, database)


def test_0019_lets_names_be_sampled_again(cluster: Cluster, database: str) -> None:
    """As before it, ANALYZE keeps values of names."""
    url = cluster.url("plant_owner", database)
    apply(url)
    cluster.run(
        "INSERT INTO app.tenant (name) SELECT 'tenant-' || n FROM generate_series(1, 50) AS n",
        database,
    )
    with_it = _sampled(cluster, database)
    roll_back(url, to="0018.list_filters")

    assert ([], [(True,)]) == (with_it, _sampled(cluster, database))


def test_0020_lets_an_import_take_its_lock_each_time(cluster: Cluster, database: str) -> None:
    """As before it, an import that begins again has to give its lock back twice."""
    url = cluster.url("plant_owner", database)
    apply(url)
    ((_, _, *with_it),) = cluster.run(TAKEN_TWICE, database)
    roll_back(url, to="0019.sampled_values")
    ((_, _, *without),) = cluster.run(TAKEN_TWICE, database)

    assert ([True, False], [True, True]) == (with_it, without)
