-- Undoes 0047.sampled_vectors: ANALYZE samples the vectors that indexes have.
DO $do$
DECLARE
    v_column record;
BEGIN
    FOR v_column IN
        SELECT pg_class.relname::text AS index_name, pg_attribute.attnum::text AS number
        FROM pg_catalog.pg_class AS labels
        INNER JOIN pg_catalog.pg_index ON labels.oid = pg_index.indrelid
        INNER JOIN pg_catalog.pg_class ON pg_index.indexrelid = pg_class.oid
        INNER JOIN pg_catalog.pg_attribute ON pg_index.indexrelid = pg_attribute.attrelid
        WHERE
            labels.relnamespace = 'app'::regnamespace
            AND labels.relname LIKE 'entity\_label%'
            AND pg_index.indkey[pg_attribute.attnum - 1] = 0
    LOOP
        EXECUTE format(
            'ALTER INDEX app.%I ALTER COLUMN %s SET STATISTICS -1',
            v_column.index_name, v_column.number
        );
    END LOOP;
END
$do$;

CREATE OR REPLACE FUNCTION app.index_label_partition(p_tenant_id uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_into constant regclass := app.label_partition(p_tenant_id, FALSE);
    v_labels bigint;
    v_made text;
BEGIN
    EXECUTE format('SELECT count(*) FROM %s', v_into) INTO v_labels;
    -- A graph that does not fit is built three times as slowly: 1.5 kB for each label.
    PERFORM
        set_config(
            'maintenance_work_mem',
            greatest(
                pg_size_bytes(current_setting('maintenance_work_mem')) / 1024,
                least(1024 * 1024, v_labels * 17 / 10)
            )::text,
            TRUE);
    FOR v_made IN
        SELECT
            CASE
                WHEN pg_constraint.oid IS NULL
                    THEN format(
                        'CREATE %s INDEX ON %s%s',
                        CASE WHEN pg_index.indisunique THEN 'UNIQUE' END,
                        v_into,
                        substring(pg_get_indexdef(pg_index.indexrelid) FROM ' USING .*$')
                    )
                ELSE
                    format('ALTER TABLE %s ADD %s', v_into, pg_get_constraintdef(pg_constraint.oid))
            END
        FROM pg_catalog.pg_index
        LEFT OUTER JOIN pg_catalog.pg_constraint
            ON
                pg_index.indexrelid = pg_constraint.conindid
                AND pg_constraint.conrelid = pg_index.indrelid
        WHERE pg_index.indrelid = 'app.entity_label'::regclass
        ORDER BY pg_constraint.oid NULLS LAST, pg_index.indexrelid
    LOOP
        BEGIN
            EXECUTE v_made;
        EXCEPTION
            -- What is built by several lies in shared memory, of which containers have little.
            WHEN disk_full OR out_of_memory THEN
                PERFORM set_config('max_parallel_maintenance_workers', '0', TRUE);
                EXECUTE v_made;
        END;
    END LOOP;
    EXECUTE format('ANALYZE %s', v_into);
    RETURN v_labels;
END
$$;
