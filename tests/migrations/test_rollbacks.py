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


APART = """
INSERT INTO app.tenant (tenant_id, name) VALUES ('{tenant}', 'large');
SET ROLE plant_owner;
SELECT app.begin_label_partition('{tenant}');
SELECT app.index_label_partition('{tenant}');
SELECT app.attach_label_partition('{tenant}', '{{}}', '{{}}', NULL, NULL, 500);
"""
GUARDS = """
SELECT inhrelid::regclass::text, tgenabled::text FROM pg_inherits
LEFT OUTER JOIN pg_trigger ON tgrelid = inhrelid AND NOT tgisinternal
WHERE inhparent = 'app.entity_label'::regclass AND inhrelid::regclass::text LIKE '%0001'
"""


def test_0031_leaves_the_tables_of_tenants_and_lets_more_be_undone(
    cluster: Cluster, database: str
) -> None:
    """Their trigger goes, comes again with it, and is in nobody's way when all is undone."""
    url = cluster.url("plant_owner", database)
    tenant = "00000000-0000-7000-8000-000000000001"
    apply(url)
    cluster.run(APART.format(tenant=tenant), database)
    with_it = cluster.run(GUARDS, database)
    roll_back(url, to="0030.match")
    without = cluster.run(GUARDS, database)
    apply(url)
    again = cluster.run(GUARDS, database)
    roll_back(url, everything=True)
    table = f"app.entity_label_{tenant.replace('-', '')}"

    assert [(table, "A")] == with_it == again
    assert [(table, None)] == without
    assert [(None,)] == cluster.run("SELECT to_regclass('app.entity_label')", database)
