"""What a rollback brings back, seen in what the database does and not in what it lists.

For migrations that make nothing which applying them again would trip over.
"""

import pytest

from service.migrate.runner import apply, roll_back
from tests.migrations.conftest import Cluster
from tests.triggers import STATES, waking

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


LABELLED = """
INSERT INTO app.tenant (tenant_id, name) VALUES ('{tenant}', 'labelled');
INSERT INTO app.governance_agent (tenant_id, id, name)
VALUES ('{tenant}', '{agent}', 'author');
ALTER TABLE app.base_entity DISABLE TRIGGER USER;
INSERT INTO app.base_entity (
    tenant_id, id, entity_type, name, description, status, created_at, updated_at, version_hash,
    last_entry_id, governance_agent_id, document
)
SELECT '{tenant}', gen_random_uuid(), 'skill', status, 'It is done.', status, now(), now(),
    sha256(''), gen_random_uuid(), '{agent}', '{{}}'
FROM unnest(ARRAY['draft', 'under_review', 'certified']) AS status;
{awake}
INSERT INTO app.entity_label (
    tenant_id, entity_id, label_no, entity_type, source, label, text_sha256, embedder,
    embedding_384, lexical_384, private_to
)
SELECT tenant_id, entity_id, 0, entity_type, source, label, text_sha256, 'test/1',
    vector, vector, private_to
FROM app.wanted_label
CROSS JOIN (SELECT ('[1' || repeat(',0', 383) || ']')::public.vector) AS given (vector)
WHERE source = 'name';
"""
PRIVATE = "SELECT label, private_to IS NOT NULL FROM app.entity_label ORDER BY label"


def test_0037_and_its_rollback_keep_drafts_private_and_nothing_else(
    cluster: Cluster, database: str
) -> None:
    """What is under review was everybody's before, and may become a draft again."""
    url = cluster.url("plant_owner", database)
    tenant, agent = (f"00000000-0000-7000-8000-00000000000{n}" for n in (2, 3))
    apply(url)
    awake = waking("app.base_entity", cluster.run(STATES.format(table="app.base_entity"), database))
    cluster.run(LABELLED.format(tenant=tenant, agent=agent, awake=awake), database)
    with_it = cluster.run(PRIVATE, database)
    roll_back(url, to="0036.entity_likeness")
    without = cluster.run(PRIVATE, database)
    apply(url)

    assert [("certified", False), ("draft", True), ("under_review", True)] == with_it
    assert [("certified", False), ("draft", True), ("under_review", False)] == without
    assert with_it == cluster.run(PRIVATE, database)
