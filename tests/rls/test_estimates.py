"""Plans are made for all tenants together; what they say must not tell what was written."""

import pytest

from tests.factories import Tenant
from tests.rls.marked import Marked
from tests.sessions import Connect, Connection, acting

pytestmark = [pytest.mark.database, pytest.mark.rls]

# Sampled as before, for plans live by them: words of fixed lists, and the service's own.
SAMPLED = {
    "app.amendment.entity_type",
    "app.amendment.status",
    "app.api_key.scopes",
    "app.base_entity.entity_type",
    "app.base_entity.status",
    "app.entity_label.embedder",
    "app.entity_label.entity_type",
    "app.entity_label.source",
    "app.entity_parent.entity_type",
    "app.entity_tag.entity_type",
    "app.job_role_entity.seniority_level",
    "app.job_role_skill.relation",
    "app.skill_entity.category",
    "audit.entry.entity_type",
    "audit.entry.operation",
}


@pytest.mark.parametrize("role", ["app", "readonly"])
async def test_no_estimate_tells_a_value(
    superuser: Connection, connect: Connect, mine: Tenant, other: Marked, role: str
) -> None:
    """A text that another tenant uses all the time is estimated like one that nobody uses."""
    columns = await superuser.fetch(
        "SELECT attrelid::regclass::text AS name, attname::text AS column,"
        " format_type(atttypid, atttypmod) AS type FROM pg_attribute"
        " INNER JOIN pg_class ON pg_class.oid = attrelid AND relrowsecurity"
        " WHERE has_column_privilege($1, attrelid, attnum, 'SELECT') AND attnum > 0"
        " AND atttypid IN ('text'::regtype, 'text[]'::regtype, 'jsonb'::regtype)"
        " AND attrelid::regclass || '.' || attname <> ALL($2::text[])",
        f"plant_{role}",
        list(SAMPLED | {"app.secret.name"}),
    )
    told = []
    async with acting(await connect(role), mine.author) as session:
        for row in columns:
            values = {
                "text": (other.word, "never"),
                "text[]": (f"{{{other.word}}}", "{never}"),
                "jsonb": (f'{{"{other.word}": "{other.word}"}}', '{"never": "never"}'),
            }[row["type"]]
            for operator in ("=", "<", ">="):
                estimates = {
                    await session.fetchval(
                        f"EXPLAIN SELECT FROM {row['name']} WHERE {row['column']} {operator}"
                        f" '{value}'"
                    )
                    for value in values
                }
                if len(estimates) > 1:
                    told.append((row["name"], row["column"], operator))

    assert len(columns) > 15
    assert [] == told


async def test_what_is_written_is_not_sampled(superuser: Connection) -> None:
    """Of the tables that may be read, texts, documents and hashes have no statistics target."""
    rows = await superuser.fetch(
        """
        SELECT attrelid::regclass || '.' || attname AS name FROM pg_attribute
        INNER JOIN pg_class ON pg_class.oid = attrelid AND relrowsecurity
        WHERE attrelid <> 'app.secret'::regclass
            AND attnum > 0 AND NOT attisdropped AND attstattarget IS DISTINCT FROM 0
            AND atttypid NOT IN ('uuid'::regtype, 'timestamptz'::regtype, 'integer'::regtype,
                'bigint'::regtype, 'smallint'::regtype)
            AND (has_column_privilege('plant_app', attrelid, attnum, 'SELECT')
                OR has_column_privilege('plant_readonly', attrelid, attnum, 'SELECT'))
        """
    )

    assert SAMPLED == {row["name"] for row in rows}


async def test_indexes_keep_no_vector_in_their_statistics(superuser: Connection) -> None:
    """What ANALYZE would sample of an index over an expression, here halves of vectors."""
    rows = await superuser.fetch(
        """
        SELECT pg_attribute.attrelid::regclass::text AS name, pg_attribute.attstattarget AS target
        FROM pg_index
        INNER JOIN pg_class ON pg_class.oid = pg_index.indrelid
        INNER JOIN pg_attribute ON pg_attribute.attrelid = pg_index.indexrelid
        WHERE pg_class.relnamespace = ANY(ARRAY['app', 'audit']::regnamespace[])
            AND pg_index.indkey[pg_attribute.attnum - 1] = 0
        """
    )
    await superuser.execute("ANALYZE app.entity_label")
    kept = await superuser.fetch(
        "SELECT tablename, attname FROM pg_stats WHERE schemaname = 'app'"
        " AND tablename LIKE 'entity\\_label%\\_idx'"
    )

    assert {"app.entity_label_embedding_hnsw", "app.entity_label_lexical_hnsw"} < {
        row["name"] for row in rows
    }
    assert {0} == {row["target"] for row in rows}
    assert [] == kept
