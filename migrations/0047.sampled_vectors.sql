-- Statistics of indexes keep no vector either.
-- depends: 0046.candidates_once
--
-- With 0019 no vector of app.entity_label is sampled. But of an index over an expression ANALYZE
-- samples what the index has, and both HNSW indexes are over halves of the vectors: hundreds of
-- them stayed in pg_statistic, for the owner to read, also those of labels that had been erased.

DO $do$
DECLARE
    v_column record;
BEGIN
    FOR v_column IN
        SELECT
            pg_class.relname::text AS index_name,
            pg_class.relkind::text AS kind,
            pg_attribute.attnum::text AS number,
            pg_attribute.attname::text AS column_name
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
            'ALTER INDEX app.%I ALTER COLUMN %s SET STATISTICS 0',
            v_column.index_name, v_column.number
        );
        IF v_column.kind = 'i' THEN
            PERFORM
                pg_catalog.pg_clear_attribute_stats(
                    'app', v_column.index_name, v_column.column_name, FALSE
                );
        END IF;
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
    -- Statistics hold no vector, of an index as little as of its table (0019).
    FOR v_made IN
        SELECT
            format(
                'ALTER INDEX %s ALTER COLUMN %s SET STATISTICS 0',
                pg_attribute.attrelid::regclass, pg_attribute.attnum
            )
        FROM pg_catalog.pg_index
        INNER JOIN pg_catalog.pg_attribute ON pg_index.indexrelid = pg_attribute.attrelid
        WHERE
            pg_index.indrelid = v_into
            AND pg_index.indkey[pg_attribute.attnum - 1] = 0
        ORDER BY pg_attribute.attrelid, pg_attribute.attnum
    LOOP
        EXECUTE v_made;
    END LOOP;
    EXECUTE format('ANALYZE %s', v_into);
    RETURN v_labels;
END
$$;
