-- Undoes 0019.sampled_values: columns are sampled again by the next ANALYZE.

DO $do$
DECLARE
    v_column record;
BEGIN
    FOR v_column IN
        SELECT
            pg_namespace.nspname AS schema_name, pg_class.relname AS table_name,
            pg_attribute.attname AS column_name
        FROM pg_catalog.pg_attribute
        INNER JOIN pg_catalog.pg_class ON pg_attribute.attrelid = pg_class.oid
        INNER JOIN pg_catalog.pg_namespace ON pg_class.relnamespace = pg_namespace.oid
        WHERE
            pg_namespace.nspname IN ('app', 'audit')
            AND pg_class.relkind IN ('r', 'p')
            AND NOT pg_class.relispartition
            AND pg_attribute.attstattarget = 0
            AND NOT pg_attribute.attisdropped
    LOOP
        EXECUTE format(
            'ALTER TABLE %I.%I ALTER COLUMN %I SET STATISTICS DEFAULT',
            v_column.schema_name, v_column.table_name, v_column.column_name);
    END LOOP;
END
$do$;
