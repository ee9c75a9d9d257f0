-- Undoes 0031.label_partitions. Tables that tenants have of their own stay: the release before
-- searches them and writes to them.
DROP FUNCTION app.attach_label_partition(uuid, uuid[], integer[], text, bigint, integer);
DROP FUNCTION app.move_label_cursor(uuid, text, bigint);
DROP FUNCTION app.clear_labels(uuid);
DROP FUNCTION app.mend_labels(uuid, uuid[], integer[]);
DROP FUNCTION app.index_label_partition(uuid);
DROP FUNCTION app.due_label_page(uuid, uuid, bigint, integer, text, text, timestamptz);
DROP FUNCTION app.copy_labels(uuid, text, text, timestamptz);
DROP FUNCTION app.label_versions(uuid);
DROP FUNCTION app.begin_label_partition(uuid);
DROP FUNCTION app.label_serves(text, timestamptz, text, boolean, text, text, timestamptz);
DROP FUNCTION app.label_partition(uuid, boolean);

-- The function of their triggers goes when more is undone, and with it nobody would find them.
DO $do$
DECLARE
    v_name text;
BEGIN
    FOR v_name IN
        SELECT pg_class.relname
        FROM pg_catalog.pg_inherits
        INNER JOIN pg_catalog.pg_class ON pg_inherits.inhrelid = pg_class.oid
        WHERE
            pg_inherits.inhparent = 'app.entity_label'::regclass
            AND pg_class.oid <> 'app.entity_label_default'::regclass
    LOOP
        EXECUTE format('DROP TRIGGER %I ON app.%I', v_name || '_no_truncate', v_name);
    END LOOP;
END
$do$;
