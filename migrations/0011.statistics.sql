-- Statistics for tables that have none yet, and for those that were counted while empty.
-- depends: 0010.import
--
-- A plan made while a table is empty is kept by its connection. Without statistics every
-- index that begins with tenant_id looks equally good, the planner takes any of them,
-- and each look-up by key reads the whole tenant until the first ANALYZE. These say what
-- is known beforehand: one tenant may hold everything, ids are unique. ANALYZE replaces
-- them with what it finds.
DO $do$
DECLARE
    v_column record;
BEGIN
    FOR v_column IN
        SELECT expected.schema_name, expected.table_name, expected.column_name, expected.n_distinct
        FROM (VALUES
            ('app', 'base_entity', 'tenant_id', 1),
            ('app', 'base_entity', 'id', -1),
            ('app', 'base_entity', 'entity_type', 5),
            ('app', 'base_entity', 'external_id', -0.9),
            ('app', 'base_entity', 'name_key', -0.9),
            ('app', 'base_entity', 'status', 6),
            ('app', 'base_entity', 'governance_agent_id', 10),
            ('app', 'entity_parent', 'tenant_id', 1),
            ('app', 'entity_parent', 'entity_id', -0.8),
            ('app', 'entity_parent', 'parent_id', -0.3),
            ('app', 'entity_tag', 'tenant_id', 1),
            ('app', 'entity_tag', 'entity_id', -0.5),
            ('app', 'entity_tag', 'entity_type', 5),
            ('app', 'entity_tag', 'tag', -0.01),
            ('app', 'skill_entity', 'tenant_id', 1),
            ('app', 'skill_entity', 'id', -1),
            ('app', 'skill_entity', 'category', 4),
            ('app', 'industry_entity', 'tenant_id', 1),
            ('app', 'industry_entity', 'id', -1),
            ('app', 'industry_entity', 'scheme', 3),
            ('app', 'industry_entity', 'code', -0.9),
            ('app', 'job_role_entity', 'tenant_id', 1),
            ('app', 'job_role_entity', 'id', -1),
            ('app', 'job_role_entity', 'seniority_level', 3),
            ('app', 'job_role_entity', 'industry_id', -0.1),
            ('app', 'team_entity', 'tenant_id', 1),
            ('app', 'team_entity', 'id', -1),
            ('app', 'team_entity', 'job_role_id', -0.3),
            ('app', 'team_entity', 'industry_id', -0.1),
            ('app', 'agent_entity', 'tenant_id', 1),
            ('app', 'agent_entity', 'id', -1),
            ('app', 'agent_entity', 'job_role_id', -0.3),
            ('app', 'agent_entity', 'industry_id', -0.1),
            ('app', 'agent_entity', 'team_id', -0.2),
            ('app', 'job_role_skill', 'tenant_id', 1),
            ('app', 'job_role_skill', 'job_role_id', -0.03),
            ('app', 'job_role_skill', 'skill_id', -0.1),
            ('app', 'agent_skill', 'tenant_id', 1),
            ('app', 'agent_skill', 'agent_id', -0.1),
            ('app', 'agent_skill', 'skill_id', -0.1),
            ('app', 'api_key', 'tenant_id', -0.3),
            ('app', 'api_key', 'id', -1),
            ('app', 'api_key', 'governance_agent_id', -0.5),
            ('app', 'api_key', 'key_hash', -1),
            ('app', 'governance_agent', 'tenant_id', -0.3),
            ('app', 'governance_agent', 'id', -1),
            ('app', 'governance_agent', 'name', -0.5),
            ('audit', 'entry', 'tenant_id', 1),
            ('audit', 'entry', 'audit_id', -1),
            ('audit', 'entry', 'entity_id', -0.3),
            ('audit', 'entry', 'version', 10),
            ('audit', 'payload', 'tenant_id', 1),
            ('audit', 'payload', 'audit_id', -1)
        ) AS expected (schema_name, table_name, column_name, n_distinct)
    LOOP
        PERFORM pg_catalog.pg_restore_attribute_stats(
            'schemaname', v_column.schema_name,
            'relname', v_column.table_name,
            'attname', v_column.column_name,
            'inherited', FALSE,
            'null_frac', 0::real,
            'avg_width', 16,
            'n_distinct', v_column.n_distinct::real);
    END LOOP;
END
$do$;

-- What is assumed of an empty table goes wrong as it fills, worst where it was vacuumed
-- while empty (every index looks equally good again), and autovacuum looks once a minute
-- only. So one insert in sixteen compares the small tables with what was counted last, and
-- counts those anew that have more than doubled: every session then plans again.
CREATE FUNCTION app.renew_statistics() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_table record;
BEGIN
    -- An import renews them itself, between its transactions.
    IF random() * 16 >= 1 OR nullif(current_setting('app.importing', TRUE), '') IS NOT NULL THEN
        RETURN NULL;
    END IF;
    FOR v_table IN
        SELECT pg_namespace.nspname, pg_class.relname
        FROM pg_catalog.pg_class
        INNER JOIN pg_catalog.pg_namespace ON pg_class.relnamespace = pg_namespace.oid
        CROSS JOIN LATERAL (
            SELECT pg_relation_size(pg_class.oid) / current_setting('block_size')::integer
                AS pages
        ) AS now
        WHERE
            pg_namespace.nspname IN ('app', 'audit')
            AND pg_class.relkind = 'r'
            AND now.pages > 2 * pg_class.relpages
            AND now.pages <= 512
            AND has_table_privilege(pg_class.oid, 'MAINTAIN')
    LOOP
        -- Names of the catalogue. SKIP_LOCKED: whoever is at it already does as well.
        EXECUTE format('ANALYZE (SKIP_LOCKED) %I.%I', v_table.nspname, v_table.relname);
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION app.renew_statistics() IS 'Trigger: now and then counts small tables anew that have outgrown what is known of them.';
CREATE TRIGGER base_entity_97_statistics AFTER INSERT ON app.base_entity
FOR EACH STATEMENT EXECUTE FUNCTION app.renew_statistics();
ALTER TABLE app.base_entity ENABLE ALWAYS TRIGGER base_entity_97_statistics;

DO $do$
BEGIN
    GRANT USAGE ON SCHEMA audit TO plant_writer;
    GRANT MAINTAIN ON audit.entry, audit.payload TO plant_writer;
    GRANT CREATE ON SCHEMA app TO plant_writer;
    ALTER FUNCTION app.renew_statistics() OWNER TO plant_writer;
    REVOKE CREATE ON SCHEMA app FROM plant_writer;
END
$do$;
