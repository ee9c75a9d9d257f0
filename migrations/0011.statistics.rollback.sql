DO $do$
DECLARE
    v_column record;
BEGIN
    FOR v_column IN
        SELECT pg_stats.schemaname, pg_stats.tablename, pg_stats.attname
        FROM pg_catalog.pg_stats
        WHERE pg_stats.schemaname IN ('app', 'audit')
    LOOP
        PERFORM pg_catalog.pg_clear_attribute_stats(
            v_column.schemaname, v_column.tablename, v_column.attname, FALSE);
    END LOOP;
END
$do$;
