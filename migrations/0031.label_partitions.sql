-- A large tenant gets a partition of labels of its own, made beside the one that is searched.
-- depends: 0030.match
--
-- One transaction of the owner makes it: a table that nobody else sees, filled and indexed while
-- searches and writes go on, put in place at the end under short locks. What ends on the way has
-- left nothing. app.label_lock keeps everybody else from writing labels of the tenant meanwhile.
--
--   app.begin_label_partition   takes that lock, makes the table
--   app.label_versions          which versions the entities have, to find later what has changed
--   app.copy_labels             copies the labels that stay
--   app.due_label_page          which labels are to be computed, some entities at a time
--   app.index_label_partition   gives the table the indexes that app.entity_label has
--   app.mend_labels             takes back what entities do not say any more, and makes the rest
--                               private or not as they are
--   app.clear_labels            takes the tenant's labels out of the partition of all
--   app.attach_label_partition  locks, mends, puts the table in place of what was there
--
-- Only the owner calls them. Row security is forced on it, so what reads rows runs as plant_rules.

CREATE FUNCTION app.label_partition(p_tenant_id uuid, p_attached boolean) RETURNS regclass
LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT pg_class.oid::regclass
FROM pg_catalog.pg_class
WHERE
    pg_class.relnamespace = 'app'::regnamespace
    AND pg_class.relname IN (
        'entity_label_' || replace($1::text, '-', ''),
        'entity_label_' || replace($1::text, '-', '') || '_2'
    )
    AND pg_class.relkind = 'r'
    AND pg_class.relispartition = $2;
END;
COMMENT ON FUNCTION app.label_partition(uuid, boolean) IS 'The table of a tenant''s labels alone: the one that is searched, or the one that is being made; NULL where there is none.';
GRANT EXECUTE ON FUNCTION app.label_partition(uuid, boolean) TO plant_rules;

-- Whether a label that is there serves this model, and is from after a time: app.due_labels.
CREATE FUNCTION app.label_serves(
    p_embedder text,
    p_embedded_at timestamptz,
    p_source text,
    p_brought boolean,
    p_model text,
    p_words text,
    p_since timestamptz
) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN p_embedded_at >= p_since AND (
    p_embedder = CASE
        WHEN p_source = 'caller' THEN 'caller'
        WHEN p_brought THEN p_words
        ELSE p_model
    END
    OR (NOT p_brought AND p_model = p_words)
);
COMMENT ON FUNCTION app.label_serves(text, timestamptz, text, boolean, text, text, timestamptz) IS 'Whether the vectors of a label need not be computed for a model.';
GRANT EXECUTE ON FUNCTION app.label_serves(
    text, timestamptz, text, boolean, text, text, timestamptz
) TO plant_rules;

CREATE FUNCTION app.begin_label_partition(p_tenant_id uuid)
RETURNS TABLE (made text, former text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '60s'
AS $$
DECLARE
    v_name text := 'entity_label_' || replace(p_tenant_id::text, '-', '');
    v_setting text;
BEGIN
    -- A turn of a service takes seconds.
    PERFORM pg_advisory_xact_lock(app.label_lock(p_tenant_id));
    IF app.label_partition(p_tenant_id, TRUE) = to_regclass('app.' || v_name) THEN
        v_name := v_name || '_2';
    END IF;
    -- Its foreign key comes last: it would keep every writer waiting.
    EXECUTE format(
        'CREATE TABLE app.%I ('
        'LIKE app.entity_label_default '
        'INCLUDING CONSTRAINTS INCLUDING DEFAULTS INCLUDING STORAGE, '
        'CONSTRAINT entity_label_one_tenant CHECK (tenant_id = %L))', v_name, p_tenant_id);
    EXECUTE format('COMMENT ON TABLE app.%I IS %L', v_name, 'Labels of one tenant alone.');
    SELECT array_to_string(pg_class.reloptions, ', ') INTO v_setting
    FROM pg_catalog.pg_class
    WHERE pg_class.oid = 'app.entity_label_default'::regclass;
    EXECUTE format('ALTER TABLE app.%I SET (%s)', v_name, v_setting);
    -- Statistics hold no text (0019), here neither.
    FOR v_setting IN
        SELECT pg_attribute.attname
        FROM pg_catalog.pg_attribute
        WHERE
            pg_attribute.attrelid = 'app.entity_label'::regclass
            AND pg_attribute.attstattarget = 0
            AND NOT pg_attribute.attisdropped
    LOOP
        EXECUTE format('ALTER TABLE app.%I ALTER COLUMN %I SET STATISTICS 0', v_name, v_setting);
    END LOOP;
    EXECUTE format(
        'GRANT SELECT, INSERT, UPDATE (private_to), DELETE ON app.%I TO plant_rules', v_name);
    RETURN QUERY SELECT v_name, app.label_partition(p_tenant_id, TRUE)::text;
END
$$;
COMMENT ON FUNCTION app.begin_label_partition(uuid) IS 'Makes the table that is to have a tenant''s labels, until COMMIT for this transaction alone; returns its name, and the table of its own that the tenant has so far.';

CREATE FUNCTION app.label_versions(p_tenant_id uuid)
RETURNS TABLE (ids uuid[], versions integer[])
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_before constant text := coalesce(current_setting('app.tenant_id', TRUE), '');
BEGIN
    PERFORM set_config('app.tenant_id', p_tenant_id::text, TRUE);
    RETURN QUERY
    SELECT
        coalesce(array_agg(base_entity.id ORDER BY base_entity.id), '{}'),
        coalesce(array_agg(base_entity.version ORDER BY base_entity.id), '{}')
    FROM app.base_entity
    WHERE base_entity.tenant_id = p_tenant_id;
    PERFORM set_config('app.tenant_id', v_before, TRUE);
END
$$;
COMMENT ON FUNCTION app.label_versions(uuid) IS 'The version of each entity of a tenant.';

-- A label that is computed anew leaves its old one behind; numbers are given above all others.
CREATE FUNCTION app.copy_labels(
    p_tenant_id uuid, p_model text, p_words text, p_since timestamptz
) RETURNS TABLE (copied bigint, next_no integer)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_before constant text := coalesce(current_setting('app.tenant_id', TRUE), '');
    v_into constant regclass := app.label_partition(p_tenant_id, FALSE);
    v_copied bigint;
    v_next integer;
BEGIN
    PERFORM set_config('app.tenant_id', p_tenant_id::text, TRUE);
    EXECUTE format(
        'INSERT INTO %s ('
        '    tenant_id, entity_id, label_no, entity_type, source, label, text_sha256, embedder, '
        '    embedding_384, lexical_384, private_to, embedded_at) '
        'SELECT '
        '    label.tenant_id, label.entity_id, label.label_no, label.entity_type, label.source, '
        '    label.label, label.text_sha256, label.embedder, label.embedding_384, '
        '    label.lexical_384, label.private_to, label.embedded_at '
        'FROM app.entity_label AS label '
        'WHERE label.tenant_id = $1 AND ($2 IS NULL OR EXISTS ('
        '    SELECT FROM app.wanted_label AS wanted '
        '    WHERE wanted.tenant_id = $1 AND wanted.entity_id = label.entity_id '
        '    AND wanted.source = label.source AND wanted.text_sha256 = label.text_sha256 '
        '    AND app.label_serves(label.embedder, label.embedded_at, label.source, '
        '        wanted.brought IS NOT NULL, $2, $3, $4))) '
        'ORDER BY label.entity_id, label.label_no', v_into)
    USING p_tenant_id, p_model, p_words, p_since;
    GET DIAGNOSTICS v_copied = ROW_COUNT;
    EXECUTE format('SELECT coalesce(max(label_no) + 1, 0) FROM %s', v_into) INTO v_next;
    PERFORM set_config('app.tenant_id', v_before, TRUE);
    RETURN QUERY SELECT v_copied, v_next;
END
$$;
COMMENT ON FUNCTION app.copy_labels(uuid, text, text, timestamptz) IS 'Copies the labels of a tenant that serve a model, or all of them without one; returns how many, and the number above all of theirs.';

CREATE FUNCTION app.due_label_page(
    p_tenant_id uuid,
    p_after_id uuid,
    p_entities bigint,
    p_next_no integer,
    p_model text,
    p_words text,
    p_since timestamptz
) RETURNS TABLE (
    entity_id uuid,
    entity_type text,
    label_no integer,
    source text,
    label text,
    text_sha256 bytea,
    embedder text,
    brought public.vector,
    private_to uuid,
    last_id uuid
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- The first pages are no measure of the later ones.
SET plan_cache_mode = FORCE_CUSTOM_PLAN
AS $$
DECLARE
    v_before constant text := coalesce(current_setting('app.tenant_id', TRUE), '');
BEGIN
    PERFORM set_config('app.tenant_id', p_tenant_id::text, TRUE);
    RETURN QUERY
    WITH page AS MATERIALIZED (
        SELECT base_entity.id
        FROM app.base_entity
        WHERE base_entity.tenant_id = p_tenant_id AND base_entity.id > p_after_id
        ORDER BY base_entity.id ASC
        LIMIT p_entities
    ),

    due AS MATERIALIZED (
        SELECT
            wanted.entity_id, wanted.entity_type, wanted.source, wanted.label,
            wanted.text_sha256, wanted.brought, wanted.private_to
        FROM page
        INNER JOIN app.wanted_label AS wanted
            ON wanted.tenant_id = p_tenant_id AND page.id = wanted.entity_id
        WHERE
            NOT EXISTS (
                SELECT FROM app.entity_label AS present
                WHERE
                    present.tenant_id = p_tenant_id
                    AND present.entity_id = wanted.entity_id
                    AND present.source = wanted.source
                    AND present.text_sha256 = wanted.text_sha256
                    AND app.label_serves(
                        present.embedder, present.embedded_at, wanted.source,
                        wanted.brought IS NOT NULL, p_model, p_words, p_since
                    )
            )
    )

    SELECT
        due.entity_id, due.entity_type,
        p_next_no - 1
        + row_number() OVER (PARTITION BY due.entity_id ORDER BY due.source, due.label)::integer,
        due.source, due.label, due.text_sha256,
        CASE
            WHEN due.source = 'caller' THEN 'caller'
            WHEN due.brought IS NULL THEN p_model
            ELSE p_words
        END,
        CASE WHEN due.source = 'caller' THEN public.l2_normalize(due.brought) END,
        due.private_to, whole.last_id
    FROM (
        SELECT page.id AS last_id
        FROM page
        ORDER BY page.id DESC
        LIMIT 1
    ) AS whole
    LEFT OUTER JOIN due ON TRUE
    ORDER BY due.entity_id ASC, due.source ASC, due.label ASC;
    PERFORM set_config('app.tenant_id', v_before, TRUE);
END
$$;
COMMENT ON FUNCTION app.due_label_page(uuid, uuid, bigint, integer, text, text, timestamptz) IS 'Labels of the next entities that do not serve a model, numbered; one line at least, of nulls where there are none, until there is no entity any more.';

CREATE FUNCTION app.index_label_partition(p_tenant_id uuid) RETURNS bigint
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
COMMENT ON FUNCTION app.index_label_partition(uuid) IS 'Gives the table that is being made the indexes of app.entity_label, and statistics; returns how many labels it has.';

CREATE FUNCTION app.mend_labels(p_tenant_id uuid, p_ids uuid[], p_versions integer[])
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_before constant text := coalesce(current_setting('app.tenant_id', TRUE), '');
    v_into constant regclass := app.label_partition(p_tenant_id, FALSE);
    v_changed uuid[];
BEGIN
    PERFORM set_config('app.tenant_id', p_tenant_id::text, TRUE);
    SELECT coalesce(array_agg(base_entity.id), '{}') INTO v_changed
    FROM app.base_entity
    WHERE
        base_entity.tenant_id = p_tenant_id
        AND NOT EXISTS (
            SELECT FROM unnest(p_ids, p_versions) AS known (id, version)
            WHERE known.id = base_entity.id AND known.version = base_entity.version
        );
    EXECUTE format(
        'DELETE FROM %s AS label '
        'WHERE label.entity_id = ANY($2) AND NOT EXISTS ('
        '    SELECT FROM app.wanted_label AS wanted '
        '    WHERE wanted.tenant_id = $1 AND wanted.entity_id = label.entity_id '
        '    AND wanted.source = label.source AND wanted.text_sha256 = label.text_sha256)', v_into)
    USING p_tenant_id, v_changed;
    EXECUTE format(
        'UPDATE %s AS label SET private_to = base.private_to '
        'FROM app.base_entity AS base '
        'WHERE base.tenant_id = $1 AND base.id = label.entity_id AND base.id = ANY($2) '
        'AND label.private_to IS DISTINCT FROM base.private_to', v_into)
    USING p_tenant_id, v_changed;
    PERFORM set_config('app.tenant_id', v_before, TRUE);
    RETURN cardinality(v_changed);
END
$$;
COMMENT ON FUNCTION app.mend_labels(uuid, uuid[], integer[]) IS 'Brings what was copied and computed of entities that have another version now to what they say; returns how many these are.';

-- Entities are never deleted, so none of the first is expected: as the foreign key is made, row
-- security shows it no row, and it would not look.
CREATE FUNCTION app.clear_labels(p_tenant_id uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- It waits for whoever writes one of them.
SET lock_timeout = '60s'
AS $$
DECLARE
    v_before constant text := coalesce(current_setting('app.tenant_id', TRUE), '');
    v_cleared bigint := 0;
BEGIN
    PERFORM set_config('app.tenant_id', p_tenant_id::text, TRUE);
    EXECUTE format(
        'DELETE FROM %s AS label WHERE NOT EXISTS ('
        '    SELECT FROM app.base_entity AS base '
        '    WHERE base.tenant_id = $1 AND base.id = label.entity_id)',
        app.label_partition(p_tenant_id, FALSE))
    USING p_tenant_id;
    IF app.label_partition(p_tenant_id, TRUE) IS NULL THEN
        DELETE FROM app.entity_label
        WHERE entity_label.tenant_id = p_tenant_id;
        GET DIAGNOSTICS v_cleared = ROW_COUNT;
    END IF;
    PERFORM set_config('app.tenant_id', v_before, TRUE);
    RETURN v_cleared;
END
$$;
COMMENT ON FUNCTION app.clear_labels(uuid) IS 'Deletes a tenant''s labels in the partition of all, where they are found until COMMIT; returns how many.';

CREATE FUNCTION app.move_label_cursor(p_tenant_id uuid, p_embedder text, p_pos bigint)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_before constant text := coalesce(current_setting('app.tenant_id', TRUE), '');
BEGIN
    PERFORM set_config('app.tenant_id', p_tenant_id::text, TRUE);
    -- Whose vectors had to go begins at the beginning when it comes again: app.write_labels.
    UPDATE app.label_cursor SET pos = 0, updated_at = now()
    WHERE
        label_cursor.tenant_id = p_tenant_id
        AND label_cursor.embedder <> p_embedder
        AND label_cursor.pos > 0;
    INSERT INTO app.label_cursor AS before (tenant_id, embedder, pos)
    VALUES (p_tenant_id, p_embedder, p_pos)
    ON CONFLICT (tenant_id, embedder) DO UPDATE
    SET pos = excluded.pos, updated_at = now()
    WHERE before.pos < excluded.pos;
    PERFORM set_config('app.tenant_id', v_before, TRUE);
END
$$;
COMMENT ON FUNCTION app.move_label_cursor(uuid, text, bigint) IS 'Says that a tenant is embedded up to a position, and that other models have to look at everything.';

GRANT CREATE ON SCHEMA app TO plant_rules;
ALTER FUNCTION app.label_versions(uuid) OWNER TO plant_rules;
ALTER FUNCTION app.copy_labels(uuid, text, text, timestamptz) OWNER TO plant_rules;
ALTER FUNCTION app.due_label_page(uuid, uuid, bigint, integer, text, text, timestamptz)
OWNER TO plant_rules;
ALTER FUNCTION app.mend_labels(uuid, uuid[], integer[]) OWNER TO plant_rules;
ALTER FUNCTION app.clear_labels(uuid) OWNER TO plant_rules;
ALTER FUNCTION app.move_label_cursor(uuid, text, bigint) OWNER TO plant_rules;
SET LOCAL ROLE plant_rules;
GRANT EXECUTE ON FUNCTION
    app.label_versions(uuid),
    app.copy_labels(uuid, text, text, timestamptz),
    app.due_label_page(uuid, uuid, bigint, integer, text, text, timestamptz),
    app.mend_labels(uuid, uuid[], integer[]),
    app.clear_labels(uuid),
    app.move_label_cursor(uuid, text, bigint)
TO plant_owner;
SET LOCAL ROLE plant_owner;
REVOKE CREATE ON SCHEMA app FROM plant_rules;

-- In EXCLUSIVE mode nobody is amid changing an entity, and with it labels: what changed before has
-- another version now, what changes later finds the new table. Searches go on until the second
-- lock. Who comes while it waits for one waits too, so it does not wait for long.
CREATE FUNCTION app.attach_label_partition(
    p_tenant_id uuid,
    p_ids uuid[],
    p_versions integer[],
    p_embedder text,
    p_pos bigint,
    p_wait_ms integer
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '500ms'
AS $$
DECLARE
    v_into constant regclass := app.label_partition(p_tenant_id, FALSE);
    v_former constant regclass := app.label_partition(p_tenant_id, TRUE);
    v_name text;
    v_changed bigint;
BEGIN
    PERFORM set_config('lock_timeout', p_wait_ms::text, TRUE);
    LOCK TABLE app.base_entity IN EXCLUSIVE MODE;
    LOCK TABLE ONLY app.entity_label, app.entity_label_default IN ACCESS EXCLUSIVE MODE;
    v_changed := app.mend_labels(p_tenant_id, p_ids, p_versions);
    IF p_embedder IS NOT NULL THEN
        PERFORM app.move_label_cursor(p_tenant_id, p_embedder, p_pos);
    END IF;
    SELECT pg_class.relname INTO v_name
    FROM pg_catalog.pg_class
    WHERE pg_class.oid = v_into;
    EXECUTE format('REVOKE ALL ON %s FROM plant_rules', v_into);
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', v_into);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', v_into);
    EXECUTE format(
        'CREATE TRIGGER %I BEFORE TRUNCATE ON %s '
        'FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change()',
        v_name || '_no_truncate', v_into);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', v_into, v_name || '_no_truncate');
    IF v_former IS NOT NULL THEN
        EXECUTE format('DROP TABLE %s', v_former);
    END IF;
    EXECUTE format(
        'ALTER TABLE app.entity_label ATTACH PARTITION %s FOR VALUES IN (%L)',
        v_into, p_tenant_id);
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT entity_label_one_tenant', v_into);
    RETURN v_changed;
END
$$;
COMMENT ON FUNCTION app.attach_label_partition(uuid, uuid[], integer[], text, bigint, integer) IS 'Puts the table that was made where a tenant''s labels are searched, in place of its former one; returns how many entities have changed since the versions given.';

-- Where this was undone and is done again, tables that tenants have already are guarded again.
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
        EXECUTE format(
            'CREATE TRIGGER %I BEFORE TRUNCATE ON app.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change()',
            v_name || '_no_truncate', v_name);
        EXECUTE format(
            'ALTER TABLE app.%I ENABLE ALWAYS TRIGGER %I', v_name, v_name || '_no_truncate');
    END LOOP;
END
$do$;
