-- Undoes 0037.label_privacy: each label says again whose draft its entity is.
LOCK TABLE app.base_entity IN SHARE ROW EXCLUSIVE MODE;
GRANT UPDATE (private_to) ON app.entity_label TO plant_rules;
CREATE POLICY entity_label_rules_edit ON app.entity_label FOR UPDATE TO plant_rules
USING (tenant_id = (SELECT app.tenant_id()))
WITH CHECK (tenant_id = (SELECT app.tenant_id()));
DO $do$
DECLARE
    v_tenants constant uuid [] := ARRAY(SELECT tenant.tenant_id FROM app.tenant);
    v_tenant uuid;
BEGIN
    FOREACH v_tenant IN ARRAY v_tenants
    LOOP
        PERFORM set_config('app.tenant_id', v_tenant::text, TRUE);
        SET LOCAL ROLE plant_rules;
        UPDATE app.entity_label SET private_to = base.private_to
        FROM app.base_entity AS base
        WHERE
            entity_label.tenant_id = v_tenant
            AND base.tenant_id = v_tenant
            AND base.id = entity_label.entity_id
            AND entity_label.private_to IS DISTINCT FROM base.private_to;
        SET LOCAL ROLE plant_owner;
    END LOOP;
    PERFORM set_config('app.tenant_id', '', TRUE);
END
$do$;
ALTER POLICY entity_label_read ON app.entity_label
USING (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
COMMENT ON COLUMN app.entity_label.private_to IS NULL;

CREATE OR REPLACE VIEW app.wanted_label WITH (security_invoker = TRUE) AS
SELECT
    base.tenant_id,
    base.id AS entity_id,
    base.entity_type,
    base.version,
    base.private_to,
    said.source,
    said.label,
    brought.vector AS brought,
    CASE said.source
        WHEN 'caller'
            THEN sha256(convert_to(said.label, 'UTF8') || public.vector_send(brought.vector))
        ELSE sha256(convert_to(said.label, 'UTF8'))
    END AS text_sha256
FROM app.base_entity AS base
LEFT OUTER JOIN app.skill_entity AS skill
    ON base.tenant_id = skill.tenant_id AND base.id = skill.id
LEFT OUTER JOIN app.industry_entity AS industry
    ON base.tenant_id = industry.tenant_id AND base.id = industry.id
CROSS JOIN
    LATERAL ( -- noqa: ST05
        SELECT coalesce(skill.embedding_384, industry.embedding_384) AS vector
    ) AS brought
CROSS JOIN
    LATERAL (
        SELECT
            'name' AS source,
            base.name AS label
        UNION ALL
        SELECT
            'description',
            base.description
        WHERE base.description IS NOT NULL
        UNION ALL
        SELECT DISTINCT
            'alias',
            alias.label
        FROM unnest(base.aliases) AS alias (label)
        UNION ALL
        SELECT
            'caller',
            base.name
        WHERE brought.vector IS NOT NULL
    ) AS said;

CREATE OR REPLACE FUNCTION app.begin_label_partition(p_tenant_id uuid)
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

GRANT CREATE ON SCHEMA app TO plant_rules;
SET LOCAL ROLE plant_rules;
CREATE OR REPLACE FUNCTION app.mend_labels(p_tenant_id uuid, p_ids uuid[], p_versions integer[])
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

CREATE OR REPLACE FUNCTION app.base_entity_privacy() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table was small must not read it whole once it has grown.
SET enable_seqscan = OFF
AS $$
BEGIN
    UPDATE app.entity_parent SET private_to = NEW.private_to
    WHERE tenant_id = NEW.tenant_id AND entity_id = NEW.id;
    UPDATE app.entity_tag SET private_to = NEW.private_to
    WHERE tenant_id = NEW.tenant_id AND entity_id = NEW.id;
    IF NEW.private_to IS NULL THEN
        -- What a draft said before stays its author's: labels that nobody has removed yet.
        DELETE FROM app.entity_label
        WHERE
            entity_label.tenant_id = NEW.tenant_id
            AND entity_label.entity_id = NEW.id
            AND NOT EXISTS (
                SELECT FROM app.wanted_label
                WHERE
                    wanted_label.tenant_id = NEW.tenant_id
                    AND wanted_label.entity_id = NEW.id
                    AND wanted_label.source = entity_label.source
                    AND wanted_label.text_sha256 = entity_label.text_sha256
            );
    END IF;
    UPDATE app.entity_label SET private_to = NEW.private_to
    WHERE tenant_id = NEW.tenant_id AND entity_id = NEW.id;
    CASE NEW.entity_type
        WHEN 'skill' THEN
            UPDATE app.skill_entity SET private_to = NEW.private_to
            WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
        WHEN 'industry' THEN
            UPDATE app.industry_entity SET private_to = NEW.private_to
            WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
        WHEN 'job_role' THEN
            UPDATE app.job_role_entity SET private_to = NEW.private_to
            WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
            UPDATE app.job_role_skill SET private_to = NEW.private_to
            WHERE tenant_id = NEW.tenant_id AND job_role_id = NEW.id;
        WHEN 'team' THEN
            UPDATE app.team_entity SET private_to = NEW.private_to
            WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
        WHEN 'agent' THEN
            UPDATE app.agent_entity SET private_to = NEW.private_to
            WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
            UPDATE app.agent_skill SET private_to = NEW.private_to
            WHERE tenant_id = NEW.tenant_id AND agent_id = NEW.id;
    END CASE;
    RETURN NULL;
END
$$;
SET LOCAL ROLE plant_owner;
REVOKE CREATE ON SCHEMA app FROM plant_rules;
