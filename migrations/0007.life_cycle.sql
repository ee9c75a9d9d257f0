-- The life cycle, its rules, the document that is served, and the two triggers through
-- which every change of an entity passes: guard first, log last.
-- depends: 0006.audit

CREATE TABLE app.life_cycle_step (
    from_status text NOT NULL,
    to_status text NOT NULL,
    operation text NOT NULL,
    scope text NOT NULL,
    -- TRUE: only the draft's own governance agent, FALSE: anyone but it, NULL: anyone
    by_author boolean,
    CONSTRAINT life_cycle_step_pkey PRIMARY KEY (from_status, to_status, operation),
    CONSTRAINT life_cycle_step_scope_known CHECK (scope IN ('write', 'certify'))
);
COMMENT ON TABLE app.life_cycle_step IS 'The allowed steps; what is not here is refused by trigger.';
INSERT INTO app.life_cycle_step (from_status, to_status, operation, scope, by_author)
VALUES
('draft', 'under_review', 'submit', 'write', NULL),
('draft', 'archived', 'archive', 'write', NULL),
('under_review', 'draft', 'withdraw', 'write', TRUE),
('under_review', 'draft', 'reject', 'certify', FALSE),
('under_review', 'certified', 'certify', 'certify', NULL),
('under_review', 'archived', 'archive', 'write', NULL),
('certified', 'active', 'activate', 'write', NULL),
('certified', 'archived', 'archive', 'write', NULL),
('active', 'deprecated', 'deprecate', 'write', NULL),
('active', 'archived', 'archive', 'write', NULL),
('deprecated', 'archived', 'archive', 'write', NULL);
GRANT SELECT ON app.life_cycle_step TO plant_app, plant_readonly, plant_rules, plant_audit;

CREATE FUNCTION app.is_in_force(p_status text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN p_status IN ('certified', 'active', 'deprecated');
COMMENT ON FUNCTION app.is_in_force(text) IS 'Whether an entity in this state may be relied on.';
GRANT EXECUTE ON FUNCTION app.is_in_force(text)
TO plant_app, plant_readonly, plant_worker, plant_writer, plant_rules, plant_audit;

CREATE FUNCTION app.json_time(p_at timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
COMMENT ON FUNCTION app.json_time(timestamptz) IS 'RFC 3339, UTC, six fractional digits.';

CREATE FUNCTION app.etag(p_version integer, p_version_hash bytea) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN p_version || '-' || encode(substring(p_version_hash FROM 1 FOR 8), 'hex');
COMMENT ON FUNCTION app.etag(integer, bytea) IS 'Strong entity tag of a version, without quotes.';
GRANT EXECUTE ON FUNCTION app.etag(integer, bytea)
TO plant_app, plant_readonly, plant_writer, plant_rules;

-- Who refers to whom, over all relations. security_invoker: a reader sees through it
-- what the reader may see.
CREATE VIEW app.entity_reference
WITH (security_invoker = TRUE) AS
SELECT tenant_id, entity_id AS dependent_id, parent_id AS target_id, 'parent' AS relation
FROM app.entity_parent
UNION ALL
SELECT tenant_id, job_role_id, skill_id, relation || '_skill' FROM app.job_role_skill
UNION ALL
SELECT tenant_id, agent_id, skill_id, 'skill' FROM app.agent_skill
UNION ALL
SELECT tenant_id, id, industry_id, 'industry' FROM app.job_role_entity
WHERE industry_id IS NOT NULL
UNION ALL
SELECT tenant_id, id, job_role_id, 'job_role' FROM app.team_entity
UNION ALL
SELECT tenant_id, id, industry_id, 'industry' FROM app.team_entity
UNION ALL
SELECT tenant_id, id, job_role_id, 'job_role' FROM app.agent_entity
UNION ALL
SELECT tenant_id, id, industry_id, 'industry' FROM app.agent_entity
UNION ALL
SELECT tenant_id, id, team_id, 'team' FROM app.agent_entity
WHERE team_id IS NOT NULL;
COMMENT ON VIEW app.entity_reference IS 'Every reference between entities: dependent, target, relation.';
GRANT SELECT ON app.entity_reference TO plant_app, plant_readonly, plant_rules;

-- The documents. Field order is part of the contract; arrays of ids are sorted.
-- row_to_json writes no white space, so the bytes are compact.
CREATE FUNCTION app.entity_document(p_base app.base_entity) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_tags text[];
    v_parents uuid[];
    v_document text;
BEGIN
    SELECT coalesce(array_agg(entity_tag.tag ORDER BY entity_tag.tag COLLATE "C"), '{}')
    INTO v_tags
    FROM app.entity_tag
    WHERE entity_tag.tenant_id = p_base.tenant_id AND entity_tag.entity_id = p_base.id;

    SELECT coalesce(array_agg(entity_parent.parent_id ORDER BY entity_parent.parent_id), '{}')
    INTO v_parents
    FROM app.entity_parent
    WHERE entity_parent.tenant_id = p_base.tenant_id AND entity_parent.entity_id = p_base.id;

    CASE p_base.entity_type
        WHEN 'skill' THEN
            SELECT row_to_json(document)::text INTO v_document
            FROM (
                SELECT
                    p_base.id, p_base.entity_type, p_base.external_id, p_base.name,
                    p_base.description, p_base.aliases, v_tags AS tags,
                    p_base.custom_attributes, p_base.governance_notes,
                    v_parents AS parent_ids, skill_entity.category,
                    encode(sha256(public.vector_send(skill_entity.embedding_384)), 'hex')
                        AS embedding_sha256,
                    p_base.status, p_base.version,
                    app.json_time(p_base.created_at) AS created_at,
                    app.json_time(p_base.updated_at) AS updated_at,
                    p_base.governance_agent_id
                FROM app.skill_entity
                WHERE skill_entity.tenant_id = p_base.tenant_id AND skill_entity.id = p_base.id
            ) AS document;
        WHEN 'job_role' THEN
            SELECT row_to_json(document)::text INTO v_document
            FROM (
                SELECT
                    p_base.id, p_base.entity_type, p_base.external_id, p_base.name,
                    p_base.description, p_base.aliases, v_tags AS tags,
                    p_base.custom_attributes, p_base.governance_notes,
                    v_parents AS parent_ids, job_role_entity.seniority_level,
                    job_role_entity.industry_id,
                    coalesce((
                        SELECT json_agg(row_to_json(required) ORDER BY required.id)
                        FROM (
                            SELECT job_role_skill.skill_id AS id, job_role_skill.relation
                            FROM app.job_role_skill
                            WHERE
                                job_role_skill.tenant_id = p_base.tenant_id
                                AND job_role_skill.job_role_id = p_base.id
                        ) AS required
                    ), '[]') AS required_skills,
                    p_base.status, p_base.version,
                    app.json_time(p_base.created_at) AS created_at,
                    app.json_time(p_base.updated_at) AS updated_at,
                    p_base.governance_agent_id
                FROM app.job_role_entity
                WHERE
                    job_role_entity.tenant_id = p_base.tenant_id
                    AND job_role_entity.id = p_base.id
            ) AS document;
        WHEN 'team' THEN
            SELECT row_to_json(document)::text INTO v_document
            FROM (
                SELECT
                    p_base.id, p_base.entity_type, p_base.external_id, p_base.name,
                    p_base.description, p_base.aliases, v_tags AS tags,
                    p_base.custom_attributes, p_base.governance_notes,
                    v_parents AS parent_ids, team_entity.job_role_id,
                    team_entity.industry_id,
                    p_base.status, p_base.version,
                    app.json_time(p_base.created_at) AS created_at,
                    app.json_time(p_base.updated_at) AS updated_at,
                    p_base.governance_agent_id
                FROM app.team_entity
                WHERE team_entity.tenant_id = p_base.tenant_id AND team_entity.id = p_base.id
            ) AS document;
        WHEN 'agent' THEN
            SELECT row_to_json(document)::text INTO v_document
            FROM (
                SELECT
                    p_base.id, p_base.entity_type, p_base.external_id, p_base.name,
                    p_base.description, p_base.aliases, v_tags AS tags,
                    p_base.custom_attributes, p_base.governance_notes,
                    v_parents AS parent_ids, agent_entity.job_role_id,
                    agent_entity.industry_id, agent_entity.team_id,
                    coalesce((
                        SELECT array_agg(agent_skill.skill_id ORDER BY agent_skill.skill_id)
                        FROM app.agent_skill
                        WHERE
                            agent_skill.tenant_id = p_base.tenant_id
                            AND agent_skill.agent_id = p_base.id
                    ), '{}') AS skill_ids,
                    p_base.status, p_base.version,
                    app.json_time(p_base.created_at) AS created_at,
                    app.json_time(p_base.updated_at) AS updated_at,
                    p_base.governance_agent_id
                FROM app.agent_entity
                WHERE agent_entity.tenant_id = p_base.tenant_id AND agent_entity.id = p_base.id
            ) AS document;
        WHEN 'industry' THEN
            SELECT row_to_json(document)::text INTO v_document
            FROM (
                SELECT
                    p_base.id, p_base.entity_type, p_base.external_id, p_base.name,
                    p_base.description, p_base.aliases, v_tags AS tags,
                    p_base.custom_attributes, p_base.governance_notes,
                    v_parents AS parent_ids, industry_entity.scheme,
                    industry_entity.code, industry_entity.level,
                    encode(sha256(public.vector_send(industry_entity.embedding_384)), 'hex')
                        AS embedding_sha256,
                    p_base.status, p_base.version,
                    app.json_time(p_base.created_at) AS created_at,
                    app.json_time(p_base.updated_at) AS updated_at,
                    p_base.governance_agent_id
                FROM app.industry_entity
                WHERE
                    industry_entity.tenant_id = p_base.tenant_id
                    AND industry_entity.id = p_base.id
            ) AS document;
    END CASE;

    IF v_document IS NULL THEN
        RAISE EXCEPTION 'The % has no row of its kind.', p_base.entity_type
            USING ERRCODE = 'PL009';
    END IF;
    RETURN v_document;
END
$$;
COMMENT ON FUNCTION app.entity_document(app.base_entity) IS 'The bytes served for an entity, from its base, kind and link rows.';
GRANT EXECUTE ON FUNCTION app.json_time(timestamptz), app.entity_document(app.base_entity)
TO plant_rules;
