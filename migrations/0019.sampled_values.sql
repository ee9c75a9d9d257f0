-- Statistics keep no value that somebody wrote.
-- depends: 0018.list_filters
--
-- ANALYZE samples a table over all tenants. The views over statistics hide the samples where row
-- security is on, but the planner's estimates are made from them, and EXPLAIN shows those to
-- whoever may read the table: "name = 'x'" tells whether some tenant uses that name often, and
-- "name < 'x'" finds the values between which the samples lie, one character after another. So
-- the columns of texts and hashes are sampled no longer. What plans need of them, how many
-- different values there are, is said once, as in 0011. Ids, times, versions, states and other
-- words of fixed lists are sampled as before: plans live by them.

ALTER TABLE app.tenant ALTER COLUMN name SET STATISTICS 0;
ALTER TABLE app.governance_agent ALTER COLUMN name SET STATISTICS 0;
ALTER TABLE app.base_entity
    ALTER COLUMN external_id SET STATISTICS 0,
    ALTER COLUMN name SET STATISTICS 0,
    ALTER COLUMN name_key SET STATISTICS 0,
    ALTER COLUMN name_scope SET STATISTICS 0,
    ALTER COLUMN description SET STATISTICS 0,
    ALTER COLUMN aliases SET STATISTICS 0,
    ALTER COLUMN custom_attributes SET STATISTICS 0,
    ALTER COLUMN governance_notes SET STATISTICS 0,
    ALTER COLUMN document SET STATISTICS 0,
    ALTER COLUMN version_hash SET STATISTICS 0;
ALTER TABLE app.entity_tag ALTER COLUMN tag SET STATISTICS 0;
ALTER TABLE app.skill_entity ALTER COLUMN embedding_384 SET STATISTICS 0;
ALTER TABLE app.industry_entity
    ALTER COLUMN scheme SET STATISTICS 0,
    ALTER COLUMN code SET STATISTICS 0,
    ALTER COLUMN embedding_384 SET STATISTICS 0;
ALTER TABLE app.entity_label
    ALTER COLUMN label SET STATISTICS 0,
    ALTER COLUMN text_sha256 SET STATISTICS 0,
    ALTER COLUMN embedding_384 SET STATISTICS 0,
    ALTER COLUMN lexical_384 SET STATISTICS 0;
ALTER TABLE app.amendment
    ALTER COLUMN patch SET STATISTICS 0,
    ALTER COLUMN document SET STATISTICS 0,
    ALTER COLUMN version_hash SET STATISTICS 0;
ALTER TABLE audit.entry
    ALTER COLUMN actor SET STATISTICS 0,
    ALTER COLUMN key SET STATISTICS 0,
    ALTER COLUMN payload_hash SET STATISTICS 0,
    ALTER COLUMN prev_hash SET STATISTICS 0,
    ALTER COLUMN entry_hash SET STATISTICS 0;
ALTER TABLE audit.payload
    ALTER COLUMN salt SET STATISTICS 0,
    ALTER COLUMN body SET STATISTICS 0,
    ALTER COLUMN reason SET STATISTICS 0;

-- What was sampled already goes; what plans look at is said anew.
DO $do$
DECLARE
    v_column record;
BEGIN
    FOR v_column IN
        SELECT
            pg_namespace.nspname::text AS schema_name, pg_class.relname::text AS table_name,
            pg_attribute.attname::text AS column_name, expected.n_distinct
        FROM pg_catalog.pg_attribute
        INNER JOIN pg_catalog.pg_class ON pg_attribute.attrelid = pg_class.oid
        INNER JOIN pg_catalog.pg_namespace ON pg_class.relnamespace = pg_namespace.oid
        LEFT JOIN (VALUES
            ('base_entity', 'external_id', -0.9),
            ('base_entity', 'name_key', -0.9),
            ('entity_tag', 'tag', -0.01),
            ('industry_entity', 'scheme', 3),
            ('industry_entity', 'code', -0.9),
            ('governance_agent', 'name', -0.5)
        ) AS expected (table_name, column_name, n_distinct)
            ON
                pg_class.relname = expected.table_name
                AND pg_attribute.attname = expected.column_name
        WHERE
            pg_namespace.nspname IN ('app', 'audit')
            AND pg_attribute.attstattarget = 0
            AND NOT pg_attribute.attisdropped
    LOOP
        PERFORM
            pg_catalog.pg_clear_attribute_stats(
                v_column.schema_name, v_column.table_name, v_column.column_name, inherited.way)
        FROM (VALUES (FALSE), (TRUE)) AS inherited (way);
        IF v_column.n_distinct IS NOT NULL THEN
            PERFORM pg_catalog.pg_restore_attribute_stats(
                'schemaname', v_column.schema_name,
                'relname', v_column.table_name,
                'attname', v_column.column_name,
                'inherited', FALSE,
                'null_frac', 0::real,
                'avg_width', 16,
                'n_distinct', v_column.n_distinct::real);
        END IF;
    END LOOP;
END
$do$;
