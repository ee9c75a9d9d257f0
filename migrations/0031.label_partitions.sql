-- A tenant with many labels gets a partition of its own, loaded before its indexes are built.
-- depends: 0030.match
--
-- An index of vectors takes thousands of microseconds for each row that is added to it, and some
-- hundred when it is built at once. So a large tenant's labels are written into a table without
-- indexes, that table gets them, and it becomes a partition:
--
--   app.begin_label_partition(tenant)    makes the table, with the labels that there are
--   app.index_label_partition(tenant)    builds its indexes; nothing that serves waits for it
--   app.attach_label_partition(tenant)   makes it a partition, as its entities are then
--
-- They are for plant_owner, and for whoever has app.label_lock: no other labels of the tenant are
-- written meanwhile. What is left when that is broken off is dropped by the next beginning.

CREATE FUNCTION app.label_partition(p_tenant_id uuid) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 'entity_label_' || replace(p_tenant_id::text, '-', '');
COMMENT ON FUNCTION app.label_partition(uuid) IS 'Name of the partition of a tenant''s labels.';

CREATE FUNCTION app.has_label_partition(p_tenant_id uuid) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT EXISTS (
    SELECT
    FROM pg_inherits
    WHERE
        inhparent = 'app.entity_label'::regclass
        AND inhrelid = to_regclass('app.' || app.label_partition(p_tenant_id))
);
END;
COMMENT ON FUNCTION app.has_label_partition(uuid) IS 'Whether a tenant''s labels have a partition of their own.';

CREATE FUNCTION app.begin_label_partition(p_tenant_id uuid) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_name text := app.label_partition(p_tenant_id);
BEGIN
    IF app.has_label_partition(p_tenant_id) THEN
        RAISE EXCEPTION 'The tenant has a partition.' USING ERRCODE = 'PL013';
    END IF;
    EXECUTE format('DROP TABLE IF EXISTS app.%I', v_name);
    EXECUTE format(
        'CREATE TABLE app.%I (LIKE app.entity_label INCLUDING DEFAULTS INCLUDING CONSTRAINTS'
        ' INCLUDING STORAGE) WITH (toast_tuple_target = 8160)', v_name
    );
    -- Spares the partition a look at every row when it is attached.
    EXECUTE format(
        'ALTER TABLE app.%1$I'
        ' ADD CONSTRAINT tenant_is_one CHECK (tenant_id = %2$L),'
        ' ALTER COLUMN label SET STATISTICS 0,'
        ' ALTER COLUMN text_sha256 SET STATISTICS 0,'
        ' ALTER COLUMN embedding_384 SET STATISTICS 0,'
        ' ALTER COLUMN lexical_384 SET STATISTICS 0',
        v_name, p_tenant_id
    );
    -- While the table is empty: a look at all its rows would be by plant_owner, who sees none of
    -- app.base_entity. Of each row that comes it is asked as ever.
    EXECUTE format(
        'ALTER TABLE app.%I ADD CONSTRAINT entity_label_entity_fkey'
        ' FOREIGN KEY (tenant_id, entity_id) REFERENCES app.base_entity (tenant_id, id)', v_name
    );
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON app.%I TO plant_rules', v_name);
    PERFORM
        set_config('app.tenant_id', p_tenant_id::text, TRUE),
        set_config('role', 'plant_rules', TRUE);
    EXECUTE format('INSERT INTO app.%I SELECT label.* FROM app.entity_label AS label', v_name);
    PERFORM set_config('role', 'plant_owner', TRUE);
    RETURN v_name;
END
$$;
COMMENT ON FUNCTION app.begin_label_partition(uuid)
IS 'Makes the table that is to be a tenant''s partition, with a copy of the labels that there are; returns its name.';

CREATE FUNCTION app.index_label_partition(p_tenant_id uuid) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
-- An index of vectors that does not fit is built many times as slowly.
SET maintenance_work_mem = '512MB'
AS $$
DECLARE
    v_name text := app.label_partition(p_tenant_id);
    v_labels bigint;
BEGIN
    EXECUTE format(
        'ALTER TABLE app.%I ADD PRIMARY KEY (tenant_id, entity_id, label_no)', v_name
    );
    EXECUTE format(
        'CREATE INDEX ON app.%I USING hnsw'
        ' ((embedding_384::public.halfvec(384)) public.halfvec_cosine_ops)', v_name
    );
    EXECUTE format(
        'CREATE INDEX ON app.%I USING hnsw'
        ' ((lexical_384::public.halfvec(384)) public.halfvec_cosine_ops)', v_name
    );
    EXECUTE format('ANALYZE app.%I', v_name);
    EXECUTE format('SELECT count(*) FROM app.%I', v_name) INTO v_labels;
    RETURN v_labels;
END
$$;
COMMENT ON FUNCTION app.index_label_partition(uuid)
IS 'Builds the indexes of a table that is to be a tenant''s partition; returns how many labels it has.';

CREATE FUNCTION app.attach_label_partition(p_tenant_id uuid) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = OFF
AS $$
DECLARE
    v_name text := app.label_partition(p_tenant_id);
    v_labels bigint;
BEGIN
    PERFORM
        set_config('app.tenant_id', p_tenant_id::text, TRUE),
        set_config('role', 'plant_rules', TRUE);
    -- Who writes an entity may want the table afterwards: first theirs, then ours.
    PERFORM
    FROM app.base_entity
    WHERE base_entity.tenant_id = p_tenant_id
    ORDER BY base_entity.id
    FOR SHARE;
    PERFORM set_config('role', 'plant_owner', TRUE);
    LOCK TABLE app.entity_label_default IN ACCESS EXCLUSIVE MODE;
    PERFORM set_config('role', 'plant_rules', TRUE);
    -- What has changed, or was erased, while the table was filled and indexed.
    EXECUTE format(
        'DELETE FROM app.%I AS label WHERE NOT EXISTS ('
        ' SELECT FROM app.wanted_label AS wanted'
        ' WHERE wanted.tenant_id = label.tenant_id AND wanted.entity_id = label.entity_id'
        ' AND wanted.source = label.source AND wanted.text_sha256 = label.text_sha256)', v_name
    );
    EXECUTE format(
        'UPDATE app.%I AS label SET private_to = base.private_to'
        ' FROM app.base_entity AS base'
        ' WHERE base.tenant_id = label.tenant_id AND base.id = label.entity_id'
        ' AND base.private_to IS DISTINCT FROM label.private_to', v_name
    );
    DELETE FROM app.entity_label
    WHERE entity_label.tenant_id = p_tenant_id;
    PERFORM set_config('role', 'plant_owner', TRUE);

    EXECUTE format('REVOKE ALL ON app.%I FROM plant_rules', v_name);
    EXECUTE format(
        'ALTER TABLE app.entity_label ATTACH PARTITION app.%I FOR VALUES IN (%L)',
        v_name, p_tenant_id
    );
    EXECUTE format('ALTER TABLE app.%I DROP CONSTRAINT tenant_is_one', v_name);
    EXECUTE format('ALTER TABLE app.%I ENABLE ROW LEVEL SECURITY', v_name);
    EXECUTE format('ALTER TABLE app.%I FORCE ROW LEVEL SECURITY', v_name);
    EXECUTE format(
        'CREATE TRIGGER entity_label_own_no_truncate BEFORE TRUNCATE ON app.%I'
        ' FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change()', v_name
    );
    EXECUTE format(
        'ALTER TABLE app.%I ENABLE ALWAYS TRIGGER entity_label_own_no_truncate', v_name
    );
    EXECUTE format('COMMENT ON TABLE app.%I IS %L', v_name, 'Labels of one tenant.');
    EXECUTE format(
        'SELECT reltuples::bigint FROM pg_class WHERE oid = %L::regclass', 'app.' || v_name
    ) INTO v_labels;
    RETURN v_labels;
END
$$;
COMMENT ON FUNCTION app.attach_label_partition(uuid)
IS 'Makes a filled and indexed table the partition of a tenant, without what its entities do not say any more; returns how many labels it has, about.';
