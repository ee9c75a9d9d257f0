-- What a review of the SQL found: TRUNCATE, bounds of what is typed by hand, the words of
-- rules, keys that have expired, archived teams of new agents, and imports whose lines hang
-- together.
-- depends: 0012.lists
--
-- Functions that are replaced keep owner, rights and comment. Those of plant_writer and
-- plant_auth are replaced by these roles at the end: only an owner replaces a function.

-- TRUNCATE asks no policy, and leaves no entry of what it takes from an entity. Statement
-- triggers are not inherited: every partition of app.entity_label needs its own.
CREATE TRIGGER entity_parent_no_truncate BEFORE TRUNCATE ON app.entity_parent
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER entity_tag_no_truncate BEFORE TRUNCATE ON app.entity_tag
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER job_role_skill_no_truncate BEFORE TRUNCATE ON app.job_role_skill
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER agent_skill_no_truncate BEFORE TRUNCATE ON app.agent_skill
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER entity_label_no_truncate BEFORE TRUNCATE ON app.entity_label
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER entity_label_default_no_truncate BEFORE TRUNCATE ON app.entity_label_default
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER life_cycle_step_no_truncate BEFORE TRUNCATE ON app.life_cycle_step
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER tenant_no_truncate BEFORE TRUNCATE ON app.tenant
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER governance_agent_no_truncate BEFORE TRUNCATE ON app.governance_agent
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER api_key_no_truncate BEFORE TRUNCATE ON app.api_key
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER idempotency_no_truncate BEFORE TRUNCATE ON app.idempotency
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER secret_no_truncate BEFORE TRUNCATE ON app.secret
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
ALTER TABLE app.entity_parent ENABLE ALWAYS TRIGGER entity_parent_no_truncate;
ALTER TABLE app.entity_tag ENABLE ALWAYS TRIGGER entity_tag_no_truncate;
ALTER TABLE app.job_role_skill ENABLE ALWAYS TRIGGER job_role_skill_no_truncate;
ALTER TABLE app.agent_skill ENABLE ALWAYS TRIGGER agent_skill_no_truncate;
ALTER TABLE app.entity_label ENABLE ALWAYS TRIGGER entity_label_no_truncate;
ALTER TABLE app.entity_label_default ENABLE ALWAYS TRIGGER entity_label_default_no_truncate;
ALTER TABLE app.life_cycle_step ENABLE ALWAYS TRIGGER life_cycle_step_no_truncate;
ALTER TABLE app.tenant ENABLE ALWAYS TRIGGER tenant_no_truncate;
ALTER TABLE app.governance_agent ENABLE ALWAYS TRIGGER governance_agent_no_truncate;
ALTER TABLE app.api_key ENABLE ALWAYS TRIGGER api_key_no_truncate;
ALTER TABLE app.idempotency ENABLE ALWAYS TRIGGER idempotency_no_truncate;
ALTER TABLE app.secret ENABLE ALWAYS TRIGGER secret_no_truncate;

-- What constraints cannot say of a body: how long its lists are, and that it holds nothing
-- but fields. The service asks it earlier and says it better; who types SQL has only this.
CREATE FUNCTION app.check_bodies(p_kind text, p_bodies jsonb[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_known constant text[] := '{
        external_id,name,description,aliases,tags,custom_attributes,governance_notes,parent_ids
    }'::text[] || CASE p_kind
        WHEN 'skill' THEN '{category,embedding_384}'
        WHEN 'industry' THEN '{scheme,code,level,embedding_384}'
        WHEN 'job_role' THEN '{seniority_level,industry_id,required_skills}'
        WHEN 'team' THEN '{job_role_id,industry_id}'
        WHEN 'agent' THEN '{job_role_id,industry_id,team_id,skill_ids}'
    END::text[];
    v_body jsonb;
    v_errors jsonb;
BEGIN
    FOREACH v_body IN ARRAY p_bodies LOOP
        CONTINUE WHEN v_body - v_known = '{}'
            AND coalesce(jsonb_array_length(v_body -> 'tags'), 0) <= 50
            AND coalesce(jsonb_array_length(v_body -> 'parent_ids'), 0) <= 50
            AND coalesce(jsonb_array_length(v_body -> 'required_skills'), 0) <= 500
            AND coalesce(jsonb_array_length(v_body -> 'skill_ids'), 0) <= 200;
        SELECT jsonb_agg(
            jsonb_build_object(
                'pointer', '/' || replace(replace(fault.field, '~', '~0'), '/', '~1'),
                'rule', fault.rule,
                'message', fault.message
            ) ORDER BY fault.field)
        INTO v_errors
        FROM (
            SELECT unknown.key AS field, 'unknown-field' AS rule, 'is not known here' AS message
            FROM jsonb_object_keys(v_body - v_known) AS unknown (key)
            UNION ALL
            SELECT bound.field, 'max-length', 'must have at most ' || bound.most || ' elements'
            FROM (
                VALUES ('tags', 50), ('parent_ids', 50), ('required_skills', 500), ('skill_ids', 200)
            ) AS bound (field, most)
            WHERE jsonb_array_length(v_body -> bound.field) > bound.most
        ) AS fault;
        RAISE EXCEPTION 'The body holds what its kind does not take.'
            USING ERRCODE = 'PL009', DETAIL = jsonb_build_object('errors', v_errors)::text;
    END LOOP;
END
$$;
COMMENT ON FUNCTION app.check_bodies(text, jsonb[]) IS 'Raises PL009 for unknown fields and for lists that are too long.';
GRANT EXECUTE ON FUNCTION app.check_bodies(text, jsonb[]) TO plant_writer;

CREATE OR REPLACE FUNCTION app.write_links(
    p_kind text, p_ids uuid[], p_bodies jsonb[], p_private_to uuid
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_with_tags uuid[];
    v_with_parents uuid[];
    v_exists boolean;
BEGIN
    PERFORM app.check_bodies(p_kind, p_bodies);
    SELECT
        array_agg(line.id) FILTER (WHERE line.body ? 'tags'),
        array_agg(line.id) FILTER (WHERE line.body ? 'parent_ids')
    INTO v_with_tags, v_with_parents
    FROM unnest(p_ids, p_bodies) AS line (id, body);
    IF coalesce(v_with_tags, v_with_parents) IS NULL THEN
        RETURN;
    END IF;
    SELECT EXISTS (
        SELECT FROM app.base_entity
        WHERE base_entity.tenant_id = app.tenant_id() AND base_entity.id = ANY(p_ids)
    ) INTO v_exists;
    IF v_with_tags IS NOT NULL THEN
        IF v_exists THEN
            DELETE FROM app.entity_tag
            WHERE
                entity_tag.tenant_id = app.tenant_id()
                AND entity_tag.entity_id = ANY(v_with_tags);
        END IF;
        INSERT INTO app.entity_tag (tenant_id, entity_id, entity_type, tag, private_to)
        SELECT
            app.tenant_id(), line.id, p_kind, tag.value,
            CASE WHEN v_exists THEN app.privacy_of(line.id, p_private_to) ELSE p_private_to END
        FROM unnest(p_ids, p_bodies) AS line (id, body)
        CROSS JOIN LATERAL jsonb_array_elements_text(line.body -> 'tags') AS tag (value);
    END IF;
    IF v_with_parents IS NOT NULL THEN
        IF v_exists THEN
            DELETE FROM app.entity_parent
            WHERE
                entity_parent.tenant_id = app.tenant_id()
                AND entity_parent.entity_id = ANY(v_with_parents);
        END IF;
        INSERT INTO app.entity_parent (
            tenant_id, entity_id, parent_id, entity_type, private_to
        )
        SELECT
            app.tenant_id(), line.id, (parent.value #>> '{}')::uuid, p_kind,
            CASE WHEN v_exists THEN app.privacy_of(line.id, p_private_to) ELSE p_private_to END
        FROM unnest(p_ids, p_bodies) AS line (id, body)
        CROSS JOIN LATERAL jsonb_array_elements(line.body -> 'parent_ids') AS parent (value);
        PERFORM app.check_parents(p_ids, NOT v_exists);
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION app.rule_violations(p_base app.base_entity)
RETURNS TABLE (rule text, message text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_count bigint;
BEGIN
    -- What was archived before anything in force referred to it could be archived freely;
    -- from then on archiving is refused (app.check_step). Both keep one promise.
    SELECT count(*) INTO v_count
    FROM app.entity_reference
    WHERE
        entity_reference.tenant_id = p_base.tenant_id
        AND entity_reference.dependent_id = p_base.id
        AND (
            SELECT target.status FROM app.base_entity AS target
            WHERE
                target.tenant_id = entity_reference.tenant_id
                AND target.id = entity_reference.target_id
        ) = 'archived'
        -- The others have a check of their own.
        AND (
            entity_reference.relation IN ('parent', 'optional_skill', 'team')
            OR (entity_reference.relation = 'industry' AND p_base.entity_type = 'job_role')
        );
    IF v_count > 0 THEN
        RETURN QUERY VALUES (
            'L1-REF-1', v_count || ' of what it refers to '
            || CASE v_count WHEN 1 THEN 'is' ELSE 'are' END || ' archived.'
        );
    END IF;

    -- Character classes without backslashes: how those are read is a setting of the caller.
    IF p_base.entity_type = 'skill' THEN
        IF p_base.name !~ '[^[:space:]]' OR p_base.description !~ '[^[:space:]]' THEN
            RETURN QUERY VALUES ('L1-SKILL-1', 'Name and description must not be blank.');
        END IF;

    ELSIF p_base.entity_type = 'industry' THEN
        IF p_base.name !~ '[^[:space:]]' THEN
            RETURN QUERY VALUES ('L1-IND-1', 'The name must not be blank.');
        END IF;

    ELSIF p_base.entity_type = 'job_role' THEN
        SELECT count(*) INTO v_count FROM app.job_role_skill
        WHERE
            job_role_skill.tenant_id = p_base.tenant_id
            AND job_role_skill.job_role_id = p_base.id
            AND job_role_skill.relation = 'essential';
        IF v_count = 0 THEN
            RETURN QUERY VALUES ('L1-ROLE-1', 'A job role needs at least one essential skill.');
        END IF;
        SELECT count(*) INTO v_count
        FROM app.job_role_skill
        WHERE
            job_role_skill.tenant_id = p_base.tenant_id
            AND job_role_skill.job_role_id = p_base.id
            AND job_role_skill.relation = 'essential'
            AND NOT app.is_in_force((
                SELECT skill.status FROM app.base_entity AS skill
                WHERE
                    skill.tenant_id = job_role_skill.tenant_id
                    AND skill.id = job_role_skill.skill_id
            ));
        IF v_count > 0 THEN
            RETURN QUERY VALUES (
                'L1-ROLE-2', v_count || ' of its essential skills '
                || CASE v_count WHEN 1 THEN 'is' ELSE 'are' END || ' not in force.'
            );
        END IF;
        RETURN QUERY
            SELECT 'L1-ROLE-3', 'The seniority level must be set.'
            FROM app.job_role_entity
            WHERE
                job_role_entity.tenant_id = p_base.tenant_id
                AND job_role_entity.id = p_base.id
                AND job_role_entity.seniority_level IS NULL;

    ELSIF p_base.entity_type = 'team' THEN
        RETURN QUERY
            SELECT 'L1-TEAM-1', 'Its job role is not in force.'
            FROM app.team_entity
            INNER JOIN app.base_entity AS job_role
                ON
                    team_entity.tenant_id = job_role.tenant_id
                    AND team_entity.job_role_id = job_role.id
            WHERE
                team_entity.tenant_id = p_base.tenant_id
                AND team_entity.id = p_base.id
                AND NOT app.is_in_force(job_role.status);
        RETURN QUERY
            SELECT 'L1-TEAM-2', 'Its industry is not in force.'
            FROM app.team_entity
            INNER JOIN app.base_entity AS industry
                ON
                    team_entity.tenant_id = industry.tenant_id
                    AND team_entity.industry_id = industry.id
            WHERE
                team_entity.tenant_id = p_base.tenant_id
                AND team_entity.id = p_base.id
                AND NOT app.is_in_force(industry.status);
        -- Another governance agent's draft is no member: it would count unseen.
        RETURN QUERY
            SELECT
                'L1-TEAM-3',
                CASE
                    WHEN count(agent_entity.id) = 0 THEN 'A team needs at least one member.'
                    ELSE 'All members must share its job role and industry.'
                END
            FROM app.team_entity
            LEFT JOIN app.agent_entity
                ON
                    team_entity.tenant_id = agent_entity.tenant_id
                    AND team_entity.id = agent_entity.team_id
                    AND (
                        SELECT agent.status FROM app.base_entity AS agent
                        WHERE
                            agent.tenant_id = agent_entity.tenant_id
                            AND agent.id = agent_entity.id
                    ) <> 'archived'
                    AND (
                        agent_entity.private_to IS NULL
                        OR agent_entity.private_to = p_base.governance_agent_id
                    )
            WHERE team_entity.tenant_id = p_base.tenant_id AND team_entity.id = p_base.id
            HAVING
                count(agent_entity.id) = 0
                OR bool_or(
                    agent_entity.job_role_id <> team_entity.job_role_id
                    OR agent_entity.industry_id <> team_entity.industry_id
                );

    ELSIF p_base.entity_type = 'agent' THEN
        RETURN QUERY
            SELECT 'L1-AGENT-1', 'Its job role is not in force.'
            FROM app.agent_entity
            INNER JOIN app.base_entity AS job_role
                ON
                    agent_entity.tenant_id = job_role.tenant_id
                    AND agent_entity.job_role_id = job_role.id
            WHERE
                agent_entity.tenant_id = p_base.tenant_id
                AND agent_entity.id = p_base.id
                AND NOT app.is_in_force(job_role.status);
        RETURN QUERY
            SELECT 'L1-AGENT-2', 'Its industry is not in force.'
            FROM app.agent_entity
            INNER JOIN app.base_entity AS industry
                ON
                    agent_entity.tenant_id = industry.tenant_id
                    AND agent_entity.industry_id = industry.id
            WHERE
                agent_entity.tenant_id = p_base.tenant_id
                AND agent_entity.id = p_base.id
                AND NOT app.is_in_force(industry.status);
        SELECT count(*) INTO v_count
        FROM app.agent_skill
        WHERE
            agent_skill.tenant_id = p_base.tenant_id
            AND agent_skill.agent_id = p_base.id
            AND NOT app.is_in_force((
                SELECT skill.status FROM app.base_entity AS skill
                WHERE
                    skill.tenant_id = agent_skill.tenant_id
                    AND skill.id = agent_skill.skill_id
            ));
        IF v_count > 0 THEN
            RETURN QUERY VALUES (
                'L1-AGENT-3', v_count || ' of its skills '
                || CASE v_count WHEN 1 THEN 'is' ELSE 'are' END || ' not in force.'
            );
        END IF;
        SELECT count(*) INTO v_count
        FROM app.agent_entity
        INNER JOIN app.job_role_skill
            ON
                agent_entity.tenant_id = job_role_skill.tenant_id
                AND agent_entity.job_role_id = job_role_skill.job_role_id
                AND job_role_skill.relation = 'essential'
        WHERE
            agent_entity.tenant_id = p_base.tenant_id
            AND agent_entity.id = p_base.id
            -- Of a draft that the caller may not see nothing is told, not even a number.
            AND app.is_in_force((
                SELECT job_role.status FROM app.base_entity AS job_role
                WHERE
                    job_role.tenant_id = agent_entity.tenant_id
                    AND job_role.id = agent_entity.job_role_id
            ))
            AND NOT EXISTS (
                SELECT FROM app.agent_skill
                WHERE
                    agent_skill.tenant_id = p_base.tenant_id
                    AND agent_skill.agent_id = p_base.id
                    AND agent_skill.skill_id = job_role_skill.skill_id
            );
        IF v_count > 0 THEN
            RETURN QUERY VALUES (
                'L1-AGENT-3', v_count || ' essential '
                || CASE v_count WHEN 1 THEN 'skill of its job role is' ELSE 'skills of its job role are' END
                || ' missing.'
            );
        END IF;
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION app.require_rules(p_base app.base_entity) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_errors jsonb;
BEGIN
    PERFORM app.lock_references(p_base.tenant_id, p_base.id);
    SELECT jsonb_agg(
        jsonb_build_object('pointer', '', 'rule', violation.rule, 'message', violation.message))
    INTO v_errors
    FROM app.rule_violations(p_base) AS violation;
    IF v_errors IS NOT NULL THEN
        RAISE EXCEPTION 'The % does not meet the rules for being in force.',
            replace(p_base.entity_type, '_', ' ')
            USING ERRCODE = 'PL006', DETAIL = jsonb_build_object('errors', v_errors)::text;
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION app.check_step(
    p_old app.base_entity, p_new app.base_entity, p_scopes text[]
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_step app.life_cycle_step;
    v_allowed jsonb;
    v_dependents jsonb;
    v_successor uuid := nullif(current_setting('app.step_successor_id', TRUE), '')::uuid;
BEGIN
    SELECT life_cycle_step.* INTO v_step
    FROM app.life_cycle_step
    WHERE
        life_cycle_step.from_status = p_old.status
        AND life_cycle_step.to_status = p_new.status
        AND coalesce(
            life_cycle_step.by_author = (p_old.governance_agent_id = app.governance_agent_id()),
            TRUE
        );
    IF v_step IS NULL THEN
        SELECT coalesce(jsonb_agg(DISTINCT life_cycle_step.to_status), '[]') INTO v_allowed
        FROM app.life_cycle_step
        WHERE life_cycle_step.from_status = p_old.status;
        RAISE EXCEPTION 'No step leads from % to %.', p_old.status, p_new.status
            USING ERRCODE = 'PL003', DETAIL = jsonb_build_object('allowed', v_allowed)::text;
    END IF;
    IF v_step.scope <> ALL(p_scopes) THEN
        RAISE EXCEPTION 'The step % needs a key with scope %.', v_step.operation, v_step.scope
            USING ERRCODE = 'PL007',
            DETAIL = jsonb_build_object('required_scope', v_step.scope)::text;
    END IF;
    IF v_step.scope = 'certify' THEN
        PERFORM app.require_other_author(
            p_old.tenant_id, p_old.id, app.governance_agent_id(), NULL);
    END IF;
    IF p_new.status IN ('certified', 'active') THEN
        PERFORM app.require_rules(p_new);
    END IF;
    IF p_new.status NOT IN ('deprecated', 'archived') THEN
        RETURN;
    END IF;

    SELECT jsonb_agg(
        jsonb_build_object(
            'id', dependent.id, 'entity_type', dependent.entity_type,
            'name', dependent.name, 'status', dependent.status,
            'relation', dependent.relation
        ) ORDER BY dependent.id)
    INTO v_dependents
    FROM (
        SELECT
            entity.id, entity.entity_type, entity.name, entity.status,
            entity_reference.relation
        FROM app.entity_reference
        CROSS JOIN LATERAL (
            SELECT
                base_entity.id, base_entity.entity_type, base_entity.name, base_entity.status
            FROM app.base_entity
            WHERE
                base_entity.tenant_id = p_old.tenant_id
                AND base_entity.id = entity_reference.dependent_id
            OFFSET 0
        ) AS entity
        WHERE
            entity_reference.tenant_id = p_old.tenant_id
            AND entity_reference.target_id = p_old.id
            AND app.is_in_force(entity.status)
        ORDER BY entity.id
        LIMIT 20
    ) AS dependent;
    IF p_new.status = 'archived' THEN
        IF v_dependents IS NOT NULL THEN
            RAISE EXCEPTION 'Entities in force depend on it.'
                USING ERRCODE = 'PL010',
                DETAIL = jsonb_build_object('dependents', v_dependents)::text;
        END IF;
        RETURN;
    END IF;

    IF coalesce(current_setting('app.step_reason', TRUE), '') !~ '[^[:space:]]' THEN
        RAISE EXCEPTION 'Deprecation names a reason.'
            USING ERRCODE = 'PL009', DETAIL = jsonb_build_object('errors', jsonb_build_array(
                jsonb_build_object('pointer', '/reason', 'rule', 'required',
                    'message', 'Say why it is deprecated.')))::text;
    END IF;
    IF v_dependents IS NOT NULL AND v_successor IS NULL THEN
        RAISE EXCEPTION 'Entities in force depend on it: name a successor.'
            USING ERRCODE = 'PL010', DETAIL = jsonb_build_object(
                'dependents', v_dependents,
                'errors', jsonb_build_array(jsonb_build_object(
                    'pointer', '/successor_id', 'rule', 'successor',
                    'message', 'Name an entity of the same kind that is certified or active.')))::text;
    END IF;
    IF v_successor IS NOT NULL THEN
        PERFORM FROM app.base_entity
        WHERE
            base_entity.tenant_id = p_old.tenant_id
            AND base_entity.id = v_successor
            AND base_entity.id <> p_old.id
            AND base_entity.entity_type = p_old.entity_type
            -- In force, and to stay so: what is deprecated asks for a successor itself.
            AND base_entity.status IN ('certified', 'active')
        FOR SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'The successor is not another % that is certified or active.',
                replace(p_old.entity_type, '_', ' ')
                USING ERRCODE = 'PL005', DETAIL = jsonb_build_object('errors', jsonb_build_array(
                    jsonb_build_object('pointer', '/successor_id', 'rule', 'exists',
                        'message',
                        'Name an entity of the same kind that is certified or active.')))::text;
        END IF;
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION app.differs(p_document jsonb, p_body jsonb) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT EXISTS (
    SELECT
    FROM jsonb_each(p_body) AS field (key, value)
    WHERE
        CASE
            WHEN field.key = 'embedding_384' THEN
                (p_document ->> 'embedding_sha256') IS DISTINCT FROM encode(
                    sha256(public.vector_send((p_body ->> 'embedding_384')::public.vector(384))),
                    'hex')
            WHEN field.key = 'tags' THEN
                (p_document -> 'tags') IS DISTINCT FROM (
                    SELECT coalesce(jsonb_agg(tag.value ORDER BY tag.value COLLATE "C"), '[]')
                    FROM jsonb_array_elements_text(field.value) AS tag (value)
                )
            -- As text: to jsonb 1 equals 1.0, but what is served and hashed would differ.
            ELSE (p_document -> field.key)::text IS DISTINCT FROM field.value::text
        END
)
$$;

-- As in 0010, and by plans that need not know how many lines there are: where statistics
-- are not fresh an import seems to be a line or none, and each of its lines would be compared
-- with each other one. So lines are joined with lines by hashing, and entities are looked up
-- one by one, which no join can replace.
CREATE OR REPLACE FUNCTION app.import_parent(p_import_id uuid, p_kin boolean)
RETURNS TABLE (
    line bigint, parent_line bigint, parent_depth integer, family text, parent_family text
)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = OFF
AS $$
WITH referring AS MATERIALIZED (
    SELECT child.line, child.kind, child.family, reference.external_id
    FROM app.import_line AS child
    CROSS JOIN LATERAL app.referenced_external_ids(child.body -> 'parent_ids')
        AS reference (external_id)
    WHERE
        child.tenant_id = (SELECT app.tenant_id())
        AND child.import_id = p_import_id
        AND CASE
            WHEN p_kin THEN child.kind IN ('team', 'agent') ELSE child.depth IS NULL
        END
        AND child.body IS NOT NULL
)

SELECT referring.line, parent.line, parent.depth, referring.family, parent.family
FROM referring
INNER JOIN app.import_line AS parent
    ON
        parent.tenant_id = (SELECT app.tenant_id())
        AND parent.import_id = p_import_id
        AND parent.kind = referring.kind
        AND parent.external_id = referring.external_id
        AND parent.body IS NOT NULL
LEFT JOIN LATERAL (
    SELECT base_entity.id
    FROM app.base_entity
    WHERE
        base_entity.tenant_id = (SELECT app.tenant_id())
        AND base_entity.entity_type = referring.kind
        AND base_entity.external_id = referring.external_id
    OFFSET 0
) AS entity ON TRUE
WHERE entity.id IS NULL
$$;

-- What hangs together in an import is found in memory, with one pass over the pairs: rounds
-- over the staging table cost the square of its lines, and some a power more.
CREATE FUNCTION app.numbered(
    p_ones bigint[], p_others bigint[],
    OUT nodes bigint[], OUT ones integer[], OUT others integer[]
)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT
    array_agg(DISTINCT ranked.node ORDER BY ranked.node),
    array_agg(ranked.number ORDER BY ranked.place) FILTER (WHERE ranked.is_one),
    array_agg(ranked.number ORDER BY ranked.place) FILTER (WHERE NOT ranked.is_one)
FROM (
    SELECT pair.*, dense_rank() OVER (ORDER BY pair.node)::integer AS number
    FROM (
        SELECT given.node, given.place, TRUE AS is_one
        FROM unnest(p_ones) WITH ORDINALITY AS given (node, place)
        UNION ALL
        SELECT given.node, given.place, FALSE
        FROM unnest(p_others) WITH ORDINALITY AS given (node, place)
    ) AS pair
) AS ranked
$$;
COMMENT ON FUNCTION app.numbered(bigint[], bigint[]) IS 'Pairs with their members numbered from 1, and the members in that order.';

-- Level by level: what waits for nothing, then what waits for nothing else, and so on.
CREATE FUNCTION app.levels(p_after bigint[], p_before bigint[])
RETURNS TABLE (node bigint, level integer)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_nodes bigint[];
    -- of a pair: who comes after, who before, and the pair before it with the same one before
    v_after integer[];
    v_before integer[];
    v_older integer[];
    -- of a node: the newest pair in which it comes before, and for how many it still waits
    v_newest integer[];
    v_waits integer[];
    v_levels integer[];
    v_level integer := 0;
    v_ready integer[] := '{}';
    v_next integer[];
    v_node integer;
    v_pair integer;
BEGIN
    SELECT given.nodes, given.ones, given.others INTO v_nodes, v_after, v_before
    FROM app.numbered(p_after, p_before) AS given;
    IF v_nodes IS NULL THEN
        RETURN;
    END IF;
    v_older := array_fill(0, ARRAY[cardinality(v_after)]);
    v_newest := array_fill(0, ARRAY[cardinality(v_nodes)]);
    v_waits := v_newest;
    v_levels := array_fill(NULL::integer, ARRAY[cardinality(v_nodes)]);
    FOR v_pair IN 1..cardinality(v_after) LOOP
        v_older[v_pair] := v_newest[v_before[v_pair]];
        v_newest[v_before[v_pair]] := v_pair;
        v_waits[v_after[v_pair]] := v_waits[v_after[v_pair]] + 1;
    END LOOP;
    FOR v_node IN 1..cardinality(v_nodes) LOOP
        IF v_waits[v_node] = 0 THEN
            v_ready := array_append(v_ready, v_node);
        END IF;
    END LOOP;
    WHILE cardinality(v_ready) > 0 LOOP
        v_next := '{}';
        FOREACH v_node IN ARRAY v_ready LOOP
            v_levels[v_node] := v_level;
            v_pair := v_newest[v_node];
            WHILE v_pair > 0 LOOP
                v_waits[v_after[v_pair]] := v_waits[v_after[v_pair]] - 1;
                IF v_waits[v_after[v_pair]] = 0 THEN
                    v_next := array_append(v_next, v_after[v_pair]);
                END IF;
                v_pair := v_older[v_pair];
            END LOOP;
        END LOOP;
        v_ready := v_next;
        v_level := v_level + 1;
    END LOOP;
    RETURN QUERY SELECT unnest(v_nodes), unnest(v_levels);
END
$$;
COMMENT ON FUNCTION app.levels(bigint[], bigint[]) IS 'How many come before a node one after another; NULL in a cycle and behind one.';

CREATE FUNCTION app.components(p_ones bigint[], p_others bigint[])
RETURNS TABLE (node bigint, lowest bigint)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_nodes bigint[];
    v_ones integer[];
    v_others integer[];
    -- of a node: one of its component with a lower number, or itself
    v_lower integer[];
    v_lowest bigint[] := '{}';
    v_one integer;
    v_other integer;
    v_pair integer;
BEGIN
    SELECT given.nodes, given.ones, given.others INTO v_nodes, v_ones, v_others
    FROM app.numbered(p_ones, p_others) AS given;
    IF v_nodes IS NULL THEN
        RETURN;
    END IF;
    v_lower := ARRAY(SELECT generate_series(1, cardinality(v_nodes)));
    FOR v_pair IN 1..cardinality(v_ones) LOOP
        v_one := v_ones[v_pair];
        v_other := v_others[v_pair];
        -- Each way down is halved for those who go it next.
        WHILE v_lower[v_one] < v_one LOOP
            v_lower[v_one] := v_lower[v_lower[v_one]];
            v_one := v_lower[v_one];
        END LOOP;
        WHILE v_lower[v_other] < v_other LOOP
            v_lower[v_other] := v_lower[v_lower[v_other]];
            v_other := v_lower[v_other];
        END LOOP;
        v_lower[greatest(v_one, v_other)] := least(v_one, v_other);
    END LOOP;
    FOR v_one IN 1..cardinality(v_nodes) LOOP
        v_lower[v_one] := v_lower[v_lower[v_one]];
        v_lowest[v_one] := v_nodes[v_lower[v_one]];
    END LOOP;
    RETURN QUERY SELECT unnest(v_nodes), unnest(v_lowest);
END
$$;
COMMENT ON FUNCTION app.components(bigint[], bigint[]) IS 'The lowest node of all that are connected with a node, itself included.';

-- Sets how deep each line lies below those of its import that must precede it. What is in a
-- cycle, or below one, has no depth, and what lies deeper than a bound gets none: each depth
-- is a chunk of its own.
CREATE FUNCTION app.import_depths(p_import_id uuid) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = OFF
AS $$
DECLARE
    v_depth_max constant integer := 101;
    v_after bigint[];
    v_before bigint[];
    v_is_any_too_deep boolean;
BEGIN
    SELECT array_agg(parent.line), array_agg(parent.parent_line) INTO v_after, v_before
    FROM app.import_parent(p_import_id, FALSE) AS parent;
    UPDATE app.import_line SET depth = 0
    WHERE import_line.tenant_id = app.tenant_id() AND import_line.import_id = p_import_id;
    WITH found AS MATERIALIZED (
        SELECT level.node, level.level
        FROM app.levels(v_after, v_before) AS level
        WHERE level.level IS DISTINCT FROM 0
    ),

    deep AS (
        UPDATE app.import_line SET
            depth = CASE WHEN found.level <= v_depth_max THEN found.level END
        FROM found
        WHERE
            import_line.tenant_id = app.tenant_id()
            AND import_line.import_id = p_import_id
            AND import_line.line = found.node
    )

    SELECT coalesce(bool_or(found.level > v_depth_max), FALSE) INTO v_is_any_too_deep
    FROM found;
    RETURN v_is_any_too_deep;
END
$$;
COMMENT ON FUNCTION app.import_depths(uuid) IS 'Sets the depth of every line that has one within bounds; returns whether some lie too deep.';

-- A team enters in force only with a member, and a member names its team: with one entry
-- each, both come at once. So a team and its members are a family, families whose lines
-- are parents of each other are one, and a family shares a chunk.
CREATE OR REPLACE FUNCTION app.import_families(p_import_id uuid) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = OFF
AS $$
DECLARE
    v_ones bigint[];
    v_others bigint[];
BEGIN
    SELECT array_agg(tie.one), array_agg(tie.other) INTO v_ones, v_others
    FROM (
        SELECT member.line AS one, min(member.line) OVER (PARTITION BY member.team) AS other
        FROM (
            SELECT
                import_line.line,
                CASE import_line.kind
                    WHEN 'team' THEN import_line.external_id
                    ELSE import_line.body #>> '{team_id,external_id}'
                END AS team
            FROM app.import_line
            WHERE
                import_line.tenant_id = app.tenant_id()
                AND import_line.import_id = p_import_id
                AND import_line.kind IN ('team', 'agent')
                AND import_line.body IS NOT NULL
        ) AS member
        WHERE member.team IS NOT NULL
        UNION ALL
        SELECT parent.line, parent.parent_line
        FROM app.import_parent(p_import_id, TRUE) AS parent
    ) AS tie;
    UPDATE app.import_line SET family = 'line ' || component.lowest
    FROM app.components(v_ones, v_others) AS component
    WHERE
        import_line.tenant_id = app.tenant_id()
        AND import_line.import_id = p_import_id
        AND import_line.line = component.node;
END
$$;

-- What each line would have its entity be called and classified as, and what that is now.
-- What is archived holds nothing.
CREATE FUNCTION app.import_said(p_import_id uuid, p_lines bigint[])
RETURNS TABLE (
    line bigint, kind text, external_id text, team text, entity_id uuid, status text,
    held_name text, held_key text, held_scope text, held_scheme text, held_code text,
    name text, scheme text, code text, level text
)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = OFF
AS $$
SELECT
    import_line.line,
    import_line.kind,
    import_line.external_id,
    CASE import_line.kind
        WHEN 'team' THEN import_line.external_id
        ELSE import_line.body #>> '{team_id,external_id}'
    END,
    entity.id,
    entity.status,
    entity.name,
    entity.name_key,
    entity.name_scope,
    entity.scheme,
    entity.code,
    coalesce(import_line.body ->> 'name', entity.name),
    CASE
        WHEN import_line.body ? 'scheme' THEN import_line.body ->> 'scheme'
        ELSE entity.scheme
    END,
    CASE
        WHEN import_line.body ? 'code' THEN import_line.body ->> 'code' ELSE entity.code
    END,
    CASE
        WHEN import_line.body ? 'level' THEN import_line.body ->> 'level'
        ELSE entity.level::text
    END
FROM unnest(p_lines) AS given (line)
INNER JOIN app.import_line ON given.line = import_line.line
LEFT JOIN LATERAL (
    SELECT
        base_entity.id, base_entity.status, base_entity.name, base_entity.name_key,
        base_entity.name_scope, industry.scheme, industry.code, industry.level
    FROM app.base_entity
    LEFT JOIN LATERAL (
        SELECT industry_entity.scheme, industry_entity.code, industry_entity.level
        FROM app.industry_entity
        WHERE
            base_entity.entity_type = 'industry'
            AND industry_entity.tenant_id = (SELECT app.tenant_id())
            AND industry_entity.id = base_entity.id
        OFFSET 0
    ) AS industry ON TRUE
    WHERE
        base_entity.tenant_id = (SELECT app.tenant_id())
        AND base_entity.entity_type = import_line.kind
        AND base_entity.external_id = import_line.external_id
    OFFSET 0
) AS entity ON entity.status <> 'archived'
WHERE
    import_line.tenant_id = (SELECT app.tenant_id())
    AND import_line.import_id = p_import_id
$$;
COMMENT ON FUNCTION app.import_said(uuid, bigint[]) IS 'Name and classification of lines as they say them, and as their entities have them.';

-- A name is free for a line once the line of who has it has given it up, and so are scheme
-- and code. An external id is never given up.
CREATE FUNCTION app.import_names(p_import_id uuid, p_lines bigint[])
RETURNS TABLE (line bigint, before bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = OFF
AS $$
WITH said AS MATERIALIZED (
    SELECT said.* FROM app.import_said(p_import_id, p_lines) AS said
),

giving AS MATERIALIZED (
    SELECT said.*
    FROM said
    WHERE
        (said.name <> said.held_name AND app.name_key(said.name) <> said.held_key)
        OR (said.kind = 'industry' AND said.held_name IS NOT NULL AND (
            (said.scheme || ' ' || said.level) IS DISTINCT FROM said.held_scope
            OR said.code IS DISTINCT FROM said.held_code
        ))
),

-- Keys are made only where somebody gives one up.
wanting AS MATERIALIZED (
    SELECT said.*, app.name_key(said.name) AS name_key
    FROM said
    WHERE EXISTS (SELECT FROM giving)
)

SELECT wanting.line, giving.line
FROM giving
INNER JOIN wanting
    ON
        giving.kind = wanting.kind
        AND giving.held_key = wanting.name_key
        AND giving.held_scope IS NOT DISTINCT FROM CASE
            WHEN wanting.kind = 'industry' THEN wanting.scheme || ' ' || wanting.level
        END
        AND giving.line <> wanting.line
UNION
SELECT wanting.line, giving.line
FROM giving
INNER JOIN wanting
    ON
        giving.kind = wanting.kind
        AND giving.held_scheme = wanting.scheme
        AND giving.held_code = wanting.code
        AND giving.line <> wanting.line
$$;
COMMENT ON FUNCTION app.import_names(uuid, bigint[]) IS 'Lines, and the lines of these that have to give up a name or a code before.';

CREATE FUNCTION app.import_waits(p_import_id uuid)
RETURNS TABLE (line bigint, level integer)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = OFF
AS $$
WITH named AS MATERIALIZED (
    SELECT array_agg(wait.line) AS lines, array_agg(wait.before) AS before
    FROM app.import_names(p_import_id, ARRAY(
        SELECT import_line.line
        FROM app.import_line
        WHERE
            import_line.tenant_id = (SELECT app.tenant_id())
            AND import_line.import_id = p_import_id
            AND import_line.body IS NOT NULL
    )) AS wait
)

SELECT found.node, found.level
FROM named
CROSS JOIN LATERAL app.levels(named.lines, named.before) AS found
$$;
COMMENT ON FUNCTION app.import_waits(uuid) IS 'For how many names, one after another, lines of an import wait that others give up.';

CREATE FUNCTION app.import_needs(p_import_id uuid, p_lines bigint[])
RETURNS TABLE (line bigint, before bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = OFF
AS $$
WITH given AS MATERIALIZED (
    SELECT
        import_line.line,
        import_line.kind,
        import_line.external_id,
        import_line.body #>> '{team_id,external_id}' AS team,
        import_line.body -> 'parent_ids' AS parents
    FROM unnest(p_lines) AS one (line)
    INNER JOIN app.import_line ON one.line = import_line.line
    WHERE
        import_line.tenant_id = (SELECT app.tenant_id())
        AND import_line.import_id = p_import_id
),

referring AS MATERIALIZED (
    SELECT given.line, given.kind, reference.external_id
    FROM given
    CROSS JOIN LATERAL app.referenced_external_ids(given.parents) AS reference (external_id)
)

SELECT referring.line, parent.line
FROM referring
INNER JOIN given AS parent
    ON referring.kind = parent.kind AND referring.external_id = parent.external_id
UNION
SELECT member.line, team.line
FROM given AS member
INNER JOIN given AS team
    ON member.kind = 'agent' AND team.kind = 'team' AND member.team = team.external_id
UNION
SELECT named.line, named.before FROM app.import_names(p_import_id, p_lines) AS named
$$;
COMMENT ON FUNCTION app.import_needs(uuid, bigint[]) IS 'Lines, and the lines of these that may have to go in before them.';

-- A team that is refused has all its refused members with it: they come together.
CREATE FUNCTION app.import_again(
    p_import_id uuid, p_needing bigint[], p_needed bigint[],
    p_refused bigint[], p_done bigint[], p_anyway bigint[]
) RETURNS bigint[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
-- Arrays are taken for short; these have thousands of elements.
SET enable_nestloop = OFF
AS $$
WITH chosen AS MATERIALIZED (
    SELECT unnest(p_anyway) AS line
    UNION
    SELECT need.line
    FROM unnest(p_needing, p_needed) AS need (line, before)
    INNER JOIN unnest(p_done) AS done (line) ON need.before = done.line
    INNER JOIN unnest(p_refused) AS refused (line) ON need.line = refused.line
),

kin AS MATERIALIZED (
    SELECT
        import_line.line,
        import_line.kind,
        CASE import_line.kind
            WHEN 'team' THEN import_line.external_id
            ELSE import_line.body #>> '{team_id,external_id}'
        END AS team
    FROM app.import_line
    WHERE
        import_line.tenant_id = (SELECT app.tenant_id())
        AND import_line.import_id = p_import_id
        AND import_line.line = ANY(p_refused)
        AND import_line.kind IN ('team', 'agent')
),

together AS (
    SELECT kin.team
    FROM kin
    LEFT JOIN chosen ON kin.line = chosen.line
    WHERE kin.team IS NOT NULL
    GROUP BY kin.team
    HAVING bool_or(kin.kind = 'team') AND count(chosen.line) > 0
)

SELECT coalesce(array_agg(again.line), '{}')
FROM (
    SELECT chosen.line FROM chosen
    UNION
    SELECT kin.line FROM kin INNER JOIN together ON kin.team = together.team
) AS again
$$;
COMMENT ON FUNCTION app.import_again(uuid, bigint[], bigint[], bigint[], bigint[], bigint[])
IS 'Of the refused lines those that need one that is done, those to try anyway, and who comes with them.';

-- As far as who asks may see it. Between a key and itself, and in the order of the index by
-- name: of an equality any index that begins with tenant and kind seems as good where the
-- tenant's rows have not been counted yet.
CREATE FUNCTION app.name_holder(p_kind text, p_name_key text, p_name_scope text, p_but uuid)
RETURNS uuid
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = OFF
AS $$
BEGIN
    RETURN (
        SELECT base_entity.id
        FROM app.base_entity
        WHERE
            base_entity.tenant_id = app.tenant_id()
            AND base_entity.entity_type = p_kind
            AND base_entity.name_key >= p_name_key
            AND base_entity.name_key <= p_name_key
            AND base_entity.name_scope IS NOT DISTINCT FROM p_name_scope
            AND base_entity.status <> 'archived'
            AND base_entity.id IS DISTINCT FROM p_but
        ORDER BY base_entity.name_key ASC, base_entity.id DESC
        LIMIT 1
    );
END
$$;
COMMENT ON FUNCTION app.name_holder(text, text, text, uuid) IS 'The entity, but for one, that has a name within a scope.';

-- What is unique and another entity has, whoever may see that one: the constraint that
-- writing this would meet first. What is unique of a kind stands in its own row, which is
-- written before the base row, and there indexes are asked in the order of their making.
CREATE FUNCTION app.taken(
    p_kind text, p_id uuid, p_external_id text, p_name_key text, p_name_scope text,
    p_scheme text, p_code text
) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table was small must not read it whole once it has grown.
SET enable_seqscan = OFF
AS $$
BEGIN
    IF p_kind = 'industry' AND EXISTS (
        SELECT
        FROM app.industry_entity
        WHERE
            industry_entity.tenant_id = app.tenant_id()
            AND industry_entity.scheme = p_scheme
            AND industry_entity.code = p_code
            AND industry_entity.id IS DISTINCT FROM p_id
    ) THEN
        RETURN 'industry_entity_code_key';
    END IF;
    IF p_id IS NULL AND EXISTS (
        SELECT
        FROM app.base_entity
        WHERE
            base_entity.tenant_id = app.tenant_id()
            AND base_entity.entity_type = p_kind
            AND base_entity.external_id = p_external_id
            -- What the caller sees it would change.
            AND base_entity.private_to <> app.governance_agent_id()
    ) THEN
        RETURN 'base_entity_external_id_key';
    END IF;
    IF app.name_holder(p_kind, p_name_key, p_name_scope, p_id) IS NOT NULL THEN
        RETURN 'base_entity_name_key_key';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION app.taken(text, uuid, text, text, text, text, text) IS 'The constraint by which an entity would be refused because another one has what it says.';

-- Proposals take no name, and as active a team and its members are not told apart.
CREATE FUNCTION app.import_taken(p_import_id uuid, p_lines bigint[], p_active boolean)
RETURNS TABLE (line bigint, constraint_name text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT found.line, found.constraint_name
FROM (
    SELECT
        said.line,
        app.taken(
            said.kind, said.entity_id, said.external_id, app.name_key(said.name),
            CASE WHEN said.kind = 'industry' THEN said.scheme || ' ' || said.level END,
            said.scheme, said.code
        ) AS constraint_name
    FROM app.import_said(p_import_id, p_lines) AS said
    WHERE
        CASE
            WHEN p_active THEN said.team IS NULL
            ELSE app.is_in_force(said.status) IS NOT TRUE
        END
    -- Asked once, not once more for the condition.
    OFFSET 0
) AS found
WHERE found.constraint_name IS NOT NULL
$$;
COMMENT ON FUNCTION app.import_taken(uuid, bigint[], boolean) IS 'Lines that want what another entity has, and the constraint that refuses them.';

-- The parts in which lines are written, in this order: what waits for nobody, then by levels
-- what waits for a name, at last who cannot come to one: those whose names go round in a
-- circle, those who want what none of these lines gives up, and who waits for one of them.
-- A team stays with its members.
CREATE FUNCTION app.import_parts(p_import_id uuid, p_lines bigint[], p_active boolean)
RETURNS TABLE (level integer, lines bigint[])
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = OFF
AS $$
WITH wait AS MATERIALIZED (
    SELECT wait.line, wait.before FROM app.import_names(p_import_id, p_lines) AS wait
),

named AS MATERIALIZED (
    SELECT array_agg(pair.line) AS lines, array_agg(pair.before) AS before
    FROM (
        SELECT wait.line, wait.before FROM wait
        UNION ALL
        -- Who waits for itself comes to no level, nor does who waits for that one.
        SELECT helpless.line, helpless.line
        FROM (
            SELECT taken.line FROM app.import_taken(p_import_id, p_lines, p_active) AS taken
            EXCEPT
            SELECT wait.line FROM wait
        ) AS helpless
    ) AS pair
),

waiting AS MATERIALIZED (
    SELECT found.node AS line, coalesce(found.level, 2147483647) AS level
    FROM named
    CROSS JOIN LATERAL app.levels(named.lines, named.before) AS found
),

given AS (
    SELECT
        import_line.line,
        coalesce(waiting.level, 0) AS level,
        CASE import_line.kind
            WHEN 'team' THEN import_line.external_id
            ELSE import_line.body #>> '{team_id,external_id}'
        END AS team
    FROM unnest(p_lines) AS one (line)
    INNER JOIN app.import_line ON one.line = import_line.line
    LEFT JOIN waiting ON import_line.line = waiting.line
    WHERE
        import_line.tenant_id = (SELECT app.tenant_id())
        AND import_line.import_id = p_import_id
),

levelled AS (
    SELECT
        given.line,
        CASE
            WHEN given.team IS NULL THEN given.level
            ELSE max(given.level) OVER (PARTITION BY given.team)
        END AS level
    FROM given
)

SELECT levelled.level, array_agg(levelled.line ORDER BY levelled.line)
FROM levelled
GROUP BY levelled.level
$$;
COMMENT ON FUNCTION app.import_parts(uuid, bigint[], boolean) IS 'Lines in parts, each of which needs no name of a later one.';

-- Tells lines that want what another has. What would be in a line's way before that comes
-- first: so they are written under other names, and undone. By sets, as in app.import_try:
-- one try for each line let a few hundred names that go round in a circle take half a minute.
CREATE FUNCTION app.import_tell(
    p_import_id uuid, p_lines bigint[], p_constraints text[], p_active boolean
) RETURNS SETOF app.import_outcome
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_outcomes app.import_outcome[];
    v_part app.import_outcome[];
    v_is_well boolean := FALSE;
    v_kind text;
    v_state text;
    v_constraint text;
    v_column text;
    v_message text;
    v_detail text;
    v_problem jsonb;
    v_half integer := cardinality(p_lines) / 2;
BEGIN
    BEGIN
        UPDATE app.import_line SET
            external_id = CASE taken.constraint_name
                WHEN 'base_entity_external_id_key' THEN uuidv7()::text
                ELSE import_line.external_id
            END,
            body = import_line.body
                -- A new line without a name is refused for that before its external id is.
                || CASE
                    WHEN import_line.body ? 'name'
                        OR taken.constraint_name <> 'base_entity_external_id_key'
                        THEN jsonb_build_object('name', uuidv7())
                    ELSE '{}'
                END
                || CASE taken.constraint_name
                    WHEN 'industry_entity_code_key' THEN jsonb_build_object('code', uuidv7())
                    ELSE '{}'
                END
        FROM unnest(p_lines, p_constraints) AS taken (line, constraint_name)
        WHERE
            import_line.tenant_id = app.tenant_id()
            AND import_line.import_id = p_import_id
            AND import_line.line = ANY(p_lines)
            AND import_line.line = taken.line;
        FOREACH v_kind IN ARRAY '{industry,skill,job_role,agent,team}'::text[] LOOP
            SELECT array_agg(written) INTO v_part
            FROM app.import_write(p_import_id, v_kind, p_lines, p_active) AS written;
            v_outcomes := v_outcomes || v_part;
        END LOOP;
        v_is_well := TRUE;
        RAISE EXCEPTION 'Nothing of this stays.' USING ERRCODE = 'PL013';
    EXCEPTION
        WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS
                v_state = RETURNED_SQLSTATE, v_constraint = CONSTRAINT_NAME,
                v_column = COLUMN_NAME, v_message = MESSAGE_TEXT, v_detail = PG_EXCEPTION_DETAIL;
            v_problem := app.import_problem(
                v_state, v_constraint, v_column, v_message, v_detail);
            IF v_problem IS NULL THEN
                RAISE;
            END IF;
    END;

    IF v_is_well THEN
        RETURN QUERY
            SELECT
                outcome.line, 'rejected', NULL::uuid, NULL::text,
                CASE outcome.outcome
                    WHEN 'rejected' THEN outcome.problem
                    ELSE app.import_taken_problem(
                        p_constraints[array_position(p_lines, outcome.line)])
                END
            FROM unnest(v_outcomes) AS outcome;
    ELSIF cardinality(p_lines) > 1 THEN
        RETURN QUERY SELECT * FROM app.import_tell(
            p_import_id, p_lines[1:v_half], p_constraints[1:v_half], p_active);
        RETURN QUERY SELECT * FROM app.import_tell(
            p_import_id, p_lines[v_half + 1:], p_constraints[v_half + 1:], p_active);
    ELSE
        -- A code is asked with the industry's own row, before what other rows are refused for.
        RETURN NEXT ROW(
            p_lines[1], 'rejected', NULL, NULL,
            CASE
                WHEN p_constraints[1] = 'industry_entity_code_key'
                    AND NOT starts_with(v_constraint, 'industry_entity_')
                    THEN app.import_taken_problem(p_constraints[1])
                ELSE v_problem
            END
        )::app.import_outcome;
    END IF;
END
$$;
COMMENT ON FUNCTION app.import_tell(uuid, bigint[], text[], boolean) IS 'Rejects lines that want what another entity has, each with what is in its way first.';

CREATE FUNCTION app.import_taken_problem(p_constraint text) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN app.import_problem(
    '23505', p_constraint, '',
    'duplicate key value violates unique constraint "' || p_constraint || '"', NULL);
COMMENT ON FUNCTION app.import_taken_problem(text) IS 'What a unique constraint would have raised, as the outcome of a line keeps it.';

-- Writes a set of lines; when one of them cannot be written, halves the set until it
-- stands alone and is rejected with its reason. Families (a team and its new members)
-- are not torn apart before they have to be. Lines that want what another has are told so
-- together.
CREATE OR REPLACE FUNCTION app.import_try(p_import_id uuid, p_lines bigint[], p_active boolean)
RETURNS SETOF app.import_outcome
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_outcomes app.import_outcome[];
    v_part app.import_outcome[];
    v_kind text;
    v_state text;
    v_constraint text;
    v_column text;
    v_message text;
    v_detail text;
    v_teams bigint[];
    v_members bigint[];
    v_member bigint;
    v_problem jsonb;
    v_taken bigint[];
    v_constraints text[];
    v_half integer := cardinality(p_lines) / 2;
BEGIN
    IF cardinality(p_lines) = 0 THEN
        RETURN;
    END IF;
    SELECT array_agg(taken.line), array_agg(taken.constraint_name)
    INTO v_taken, v_constraints
    FROM app.import_taken(p_import_id, p_lines, p_active) AS taken;
    IF v_taken IS NOT NULL THEN
        RETURN QUERY
            SELECT * FROM app.import_tell(p_import_id, v_taken, v_constraints, p_active);
        RETURN QUERY
            SELECT * FROM app.import_try(p_import_id, ARRAY(
                SELECT given.line
                FROM (
                    SELECT unnest(p_lines) AS line EXCEPT SELECT unnest(v_taken)
                ) AS given
                ORDER BY given.line
            ), p_active);
        RETURN;
    END IF;
    BEGIN
        FOREACH v_kind IN ARRAY '{industry,skill,job_role,agent,team}'::text[] LOOP
            SELECT array_agg(written) INTO v_part
            FROM app.import_write(p_import_id, v_kind, p_lines, p_active) AS written;
            v_outcomes := v_outcomes || v_part;
        END LOOP;
        -- Foreign keys are deferred: ask now, while the set is still known.
        SET CONSTRAINTS ALL IMMEDIATE;
        SET CONSTRAINTS ALL DEFERRED;
        RETURN QUERY SELECT (unnest(v_outcomes)).*;
        RETURN;
    EXCEPTION
        WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS
                v_state = RETURNED_SQLSTATE, v_constraint = CONSTRAINT_NAME,
                v_column = COLUMN_NAME, v_message = MESSAGE_TEXT, v_detail = PG_EXCEPTION_DETAIL;
            v_problem := app.import_problem(
                v_state, v_constraint, v_column, v_message, v_detail);
            IF v_problem IS NULL THEN
                RAISE;
            END IF;
    END;

    IF cardinality(p_lines) = 1 THEN
        RETURN NEXT ROW(
            p_lines[1], 'rejected', NULL, NULL, v_problem
        )::app.import_outcome;
        RETURN;
    END IF;

    SELECT
        array_agg(import_line.line ORDER BY import_line.line)
            FILTER (WHERE import_line.kind = 'team'),
        array_agg(import_line.line ORDER BY import_line.line)
            FILTER (WHERE import_line.kind = 'agent')
    INTO v_teams, v_members
    FROM app.import_line
    WHERE
        import_line.tenant_id = app.tenant_id()
        AND import_line.import_id = p_import_id
        AND import_line.line = ANY(p_lines);
    IF v_teams IS NULL OR v_members IS NULL THEN
        RETURN QUERY SELECT * FROM app.import_try(p_import_id, p_lines[1:v_half], p_active);
        RETURN QUERY SELECT * FROM app.import_try(p_import_id, p_lines[v_half + 1:], p_active);
    ELSIF cardinality(v_teams) > 1 THEN
        RETURN QUERY SELECT * FROM app.import_halves(p_import_id, p_lines, v_teams, p_active);
    ELSE
        -- One team: with the first member that lets it stand, then the others alone.
        v_part := NULL;
        FOREACH v_member IN ARRAY v_members LOOP
            SELECT coalesce(array_agg(tried), v_part) INTO v_part
            FROM app.import_pair(p_import_id, ARRAY[v_teams[1], v_member], p_active) AS tried;
            IF cardinality(v_part) = 2 THEN
                v_members := array_remove(v_members, v_member);
                EXIT;
            END IF;
            -- Another member may make up for a rule, for nothing else.
            EXIT WHEN (v_part[1]).problem ->> 'sqlstate' <> 'PL006';
        END LOOP;
        IF v_part IS NULL THEN
            RETURN QUERY SELECT * FROM app.import_try(p_import_id, v_teams, p_active);
        ELSE
            RETURN QUERY SELECT (unnest(v_part)).*;
        END IF;
        RETURN QUERY SELECT * FROM app.import_try(p_import_id, v_members, p_active);
    END IF;
END
$$;

-- What became of a line at last.
CREATE FUNCTION app.import_last(p_outcomes app.import_outcome[])
RETURNS SETOF app.import_outcome
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT DISTINCT ON (told.line) told.line, told.outcome, told.id, told.external_id, told.problem
FROM unnest(p_outcomes) WITH ORDINALITY
    AS told (line, outcome, id, external_id, problem, place)
ORDER BY told.line, told.place DESC
$$;
COMMENT ON FUNCTION app.import_last(app.import_outcome[]) IS 'The last outcome of each line.';

CREATE FUNCTION app.import_free(
    p_import_id uuid, p_lines bigint[], p_outcomes app.import_outcome[], p_active boolean
) RETURNS bigint[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = OFF
AS $$
SELECT coalesce(array_agg(given.line), '{}')
FROM (
    SELECT unnest(p_lines) AS line
    EXCEPT
    SELECT taken.line
    FROM app.import_taken(p_import_id, p_lines, p_active) AS taken
    INNER JOIN app.import_last(p_outcomes) AS last
        ON
            taken.line = last.line
            AND taken.constraint_name = last.problem ->> 'constraint'
    WHERE last.problem ->> 'sqlstate' = '23505'
) AS given
$$;
COMMENT ON FUNCTION app.import_free(uuid, bigint[], app.import_outcome[], boolean) IS 'Lines without those of which it is known that what they want is still another''s.';

-- Lines as import_try writes them, those that want a name after who gives it up. A line that
-- was refused for want of another one gets another turn when that one has gone in. Where
-- something was taken each gets one more look in any case: by who has just committed what
-- this line says. So a line is tried twice at most, and once more for each turn in which
-- something that it needs has come; not at all while what it wants is still another's.
CREATE OR REPLACE FUNCTION app.import_turns(p_import_id uuid, p_lines bigint[], p_active boolean)
RETURNS SETOF app.import_outcome
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_lines bigint[] := p_lines;
    v_part bigint[];
    v_tried app.import_outcome[];
    v_outcomes app.import_outcome[] := '{}';
    v_done bigint[];
    v_taken bigint[];
    v_had_second_look bigint[] := '{}';
    v_refused bigint[] := '{}';
    v_needing bigint[];
    v_needed bigint[];
BEGIN
    LOOP
        v_tried := '{}';
        FOR v_part IN
            SELECT part.lines
            FROM app.import_parts(p_import_id, v_lines, p_active) AS part
            ORDER BY part.level
        LOOP
            v_tried := v_tried || ARRAY(
                SELECT tried FROM app.import_try(p_import_id, v_part, p_active) AS tried);
        END LOOP;
        v_outcomes := v_outcomes || v_tried;
        SELECT
            coalesce(array_agg(tried.line) FILTER (
                WHERE tried.outcome IN ('created', 'amended')), '{}'),
            coalesce(array_agg(tried.line) FILTER (
                WHERE tried.outcome = 'rejected'
                AND tried.problem ->> 'sqlstate' IN ('PL005', 'PL006', '23505')), '{}'),
            coalesce(array_agg(tried.line) FILTER (
                WHERE tried.outcome = 'rejected' AND tried.problem ->> 'sqlstate' = '23505'), '{}')
        INTO v_done, v_part, v_taken
        FROM unnest(v_tried) AS tried;
        v_refused := ARRAY(
            SELECT unnest(v_refused) EXCEPT SELECT unnest(v_lines) UNION ALL SELECT unnest(v_part));
        EXIT WHEN cardinality(v_refused) = 0;
        IF v_needing IS NULL THEN
            SELECT coalesce(array_agg(need.line), '{}'), coalesce(array_agg(need.before), '{}')
            INTO v_needing, v_needed
            FROM app.import_needs(p_import_id, p_lines) AS need;
        END IF;
        v_taken := ARRAY(SELECT unnest(v_taken) EXCEPT SELECT unnest(v_had_second_look));
        v_had_second_look := v_had_second_look || v_taken;
        v_lines := app.import_again(
            p_import_id, v_needing, v_needed, v_refused, v_done, v_taken);
        v_lines := app.import_free(p_import_id, v_lines, v_outcomes, p_active);
        EXIT WHEN cardinality(v_lines) = 0;
    END LOOP;
    RETURN QUERY SELECT last.* FROM app.import_last(v_outcomes) AS last;
END
$$;

COMMENT ON FUNCTION app.entity_document(app.base_entity) IS 'The bytes served for an entity, from its base, kind and link rows: JSON without white space, but for custom_attributes, which keep the blanks that jsonb writes.';

-- Of the tables beneath, for whoever may read them: check L0-04 asks it as plant_app.
CREATE FUNCTION app.is_rendered(p_base app.base_entity) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN p_base.document = app.entity_document(p_base);
EXCEPTION
    -- The row of its kind is gone.
    WHEN SQLSTATE 'PL009' THEN
        RETURN FALSE;
END
$$;
COMMENT ON FUNCTION app.is_rendered(app.base_entity) IS 'Whether the document of an entity is what its base, kind and link rows say.';
GRANT EXECUTE ON FUNCTION
app.is_rendered(app.base_entity), app.entity_document(app.base_entity),
app.json_time(timestamptz)
TO plant_app;

GRANT EXECUTE ON FUNCTION
app.name_key(text), app.numbered(bigint[], bigint[]), app.levels(bigint[], bigint[]),
app.components(bigint[], bigint[]), app.import_depths(uuid),
app.import_names(uuid, bigint[]), app.import_waits(uuid),
app.import_said(uuid, bigint[]), app.import_parts(uuid, bigint[], boolean),
app.import_needs(uuid, bigint[]),
app.import_again(uuid, bigint[], bigint[], bigint[], bigint[], bigint[]),
app.name_holder(text, text, text, uuid),
app.taken(text, uuid, text, text, text, text, text),
app.import_taken(uuid, bigint[], boolean), app.import_taken_problem(text),
app.import_tell(uuid, bigint[], text[], boolean), app.import_last(app.import_outcome[]),
app.import_free(uuid, bigint[], app.import_outcome[], boolean)
TO plant_writer;
GRANT CREATE ON SCHEMA app TO plant_rules;
GRANT EXECUTE ON FUNCTION app.name_holder(text, text, text, uuid) TO plant_rules;
ALTER FUNCTION app.taken(text, uuid, text, text, text, text, text) OWNER TO plant_rules;
REVOKE CREATE ON SCHEMA app FROM plant_rules;

GRANT CREATE ON SCHEMA app TO plant_writer, plant_auth;
SET LOCAL ROLE plant_writer;
CREATE OR REPLACE FUNCTION app.agent_create(p_ids uuid[], p_bodies jsonb[], p_status text)
RETURNS SETOF app.written
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_private_to uuid := CASE WHEN p_status = 'draft' THEN app.governance_agent_id() END;
BEGIN
    -- As app.agent_amend asks it. A team that comes with an import has no row to look at yet.
    PERFORM
    FROM app.base_entity
    WHERE
        base_entity.tenant_id = app.tenant_id()
        AND base_entity.id = ANY(ARRAY(
            SELECT (line.body ->> 'team_id')::uuid FROM unnest(p_bodies) AS line (body)
        ))
    ORDER BY base_entity.id
    FOR SHARE;
    IF EXISTS (
        SELECT
        FROM app.base_entity
        WHERE
            base_entity.tenant_id = app.tenant_id()
            AND base_entity.id = ANY(ARRAY(
                SELECT (line.body ->> 'team_id')::uuid FROM unnest(p_bodies) AS line (body)
            ))
            AND base_entity.status = 'archived'
    ) THEN
        RAISE EXCEPTION 'The team is archived.'
            USING ERRCODE = 'PL005', DETAIL = jsonb_build_object('errors', jsonb_build_array(
                jsonb_build_object('pointer', '/team_id', 'rule', 'exists',
                    'message', 'Name a team that is not archived.')))::text;
    END IF;
    INSERT INTO app.agent_entity (tenant_id, id, job_role_id, industry_id, team_id, private_to)
    SELECT
        app.tenant_id(),
        line.id,
        (line.body ->> 'job_role_id')::uuid,
        (line.body ->> 'industry_id')::uuid,
        (line.body ->> 'team_id')::uuid,
        v_private_to
    FROM unnest(p_ids, p_bodies) AS line (id, body);
    INSERT INTO app.agent_skill (tenant_id, agent_id, skill_id, private_to)
    SELECT
        app.tenant_id(), line.id, (item.value #>> '{}')::uuid, v_private_to
    FROM unnest(p_ids, p_bodies) AS line (id, body)
    CROSS JOIN LATERAL jsonb_array_elements(line.body -> 'skill_ids') AS item (value);
    PERFORM app.write_links('agent', p_ids, p_bodies, v_private_to);
    RETURN QUERY SELECT * FROM app.base_create('agent', p_ids, p_bodies, p_status);
END
$$;

-- Industries, skills, job roles, teams, agents; within a kind parents first; a repeated
-- (kind, external_id) after the line it repeats. As active, teams and agents by families.
CREATE OR REPLACE FUNCTION app.import_arrange(p_import_id uuid, p_active boolean)
RETURNS TABLE (chunk bigint, kind text, lines bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_tenant_id uuid := app.tenant_id();
BEGIN
    -- One file says one thing of an entity: otherwise repeating it would change the entity
    -- from what the last line says to what the first says and back, each time.
    UPDATE app.import_line SET
        body = NULL,
        problem = jsonb_build_object(
            'sqlstate', 'PL009',
            'message', 'Line ' || earlier.line || ' is about the same entity.',
            'detail', jsonb_build_object('errors', jsonb_build_array(jsonb_build_object(
                'pointer', '/external_id', 'rule', 'duplicate',
                'message', 'is also that of line ' || earlier.line)))::text)
    FROM (
        SELECT given.kind, given.external_id, min(given.line) AS line
        FROM app.import_line AS given
        WHERE
            given.tenant_id = v_tenant_id
            AND given.import_id = p_import_id
            AND given.body IS NOT NULL
        GROUP BY given.kind, given.external_id
        HAVING count(*) > 1
    ) AS earlier
    WHERE
        import_line.tenant_id = v_tenant_id
        AND import_line.import_id = p_import_id
        AND import_line.body IS NOT NULL
        AND import_line.kind = earlier.kind
        AND import_line.external_id = earlier.external_id
        AND import_line.line > earlier.line;
    PERFORM app.import_depths(p_import_id);
    -- What is left stands in a cycle or below one.
    UPDATE app.import_line SET
        depth = 0,
        body = NULL,
        problem = jsonb_build_object(
            'sqlstate', 'PL012',
            'message',
            'Its parents form a cycle with other lines, depend on one, or lie over 100 deep.',
            'detail', jsonb_build_object('errors', jsonb_build_array(jsonb_build_object(
                'pointer', '/parent_ids', 'rule', 'acyclic',
                'message', 'An entity cannot be among its own ancestors.')))::text)
    WHERE
        import_line.tenant_id = v_tenant_id
        AND import_line.import_id = p_import_id
        AND import_line.depth IS NULL;
    IF p_active THEN
        PERFORM app.import_families(p_import_id);
    END IF;

    WITH waiting AS MATERIALIZED (
        SELECT wait.line, wait.level FROM app.import_waits(p_import_id) AS wait
    ),

    ranked AS (
        SELECT
            import_line.line,
            CASE
                WHEN import_line.body IS NULL THEN 0
                WHEN import_line.kind = 'industry' THEN 1
                WHEN import_line.kind = 'skill' THEN 2
                WHEN import_line.kind = 'job_role' THEN 3
                WHEN import_line.kind = 'team' OR p_active THEN 4
                ELSE 5
            END AS kind_rank,
            -- Members of a family find each other, whatever their order.
            CASE WHEN import_line.family IS NULL THEN import_line.depth ELSE 0 END AS depth,
            coalesce(import_line.family, 'line ' || import_line.line) AS family,
            row_number() OVER (
                PARTITION BY
                    import_line.body IS NULL,
                    import_line.kind,
                    CASE
                        WHEN import_line.body IS NULL THEN import_line.line::text
                        ELSE import_line.external_id
                    END
                ORDER BY import_line.line
            ) AS occurrence
        FROM app.import_line
        WHERE
            import_line.tenant_id = v_tenant_id AND import_line.import_id = p_import_id
    ),

    levelled AS (
        SELECT
            ranked.line,
            ranked.family,
            -- Who wants a name comes after who gives it up, also where chunks are cut.
            max(coalesce(waiting.level, 0)) OVER (PARTITION BY ranked.family) AS wait,
            dense_rank() OVER (
                ORDER BY ranked.occurrence, ranked.kind_rank, ranked.depth
            ) AS level
        FROM ranked
        LEFT JOIN waiting ON ranked.line = waiting.line
    ),

    numbered AS (
        SELECT
            levelled.*,
            row_number() OVER (
                PARTITION BY levelled.level
                ORDER BY levelled.wait, levelled.first_line, levelled.line
            ) AS place
        FROM (
            SELECT
                levelled.*,
                min(levelled.line) OVER (
                    PARTITION BY levelled.level, levelled.family
                ) AS first_line
            FROM levelled
        ) AS levelled
    ),

    cut AS (
        SELECT
            numbered.line,
            dense_rank() OVER (
                ORDER BY numbered.level, (numbered.first_place - 1) / 500
            ) AS chunk
        FROM (
            SELECT
                numbered.*,
                min(numbered.place) OVER (
                    PARTITION BY numbered.level, numbered.family
                ) AS first_place
            FROM numbered
        ) AS numbered
    )

    UPDATE app.import_line SET chunk = cut.chunk
    FROM cut
    WHERE
        import_line.tenant_id = v_tenant_id
        AND import_line.import_id = p_import_id
        AND import_line.line = cut.line;

    RETURN QUERY
        SELECT import_line.chunk, min(import_line.kind), count(*)
        FROM app.import_line
        WHERE
            import_line.tenant_id = v_tenant_id AND import_line.import_id = p_import_id
        GROUP BY import_line.chunk
        ORDER BY import_line.chunk;
END
$$;

COMMENT ON FUNCTION app.import_arrange(uuid, boolean) IS 'Orders an import into chunks; returns them with kind and size. Makes no statistics, and needs none.';

SET LOCAL ROLE plant_auth;
CREATE OR REPLACE FUNCTION app.authenticate(p_key_hash bytea)
RETURNS TABLE (
    tenant_id uuid, tenant_name text, governance_agent_id uuid, governance_agent_name text,
    key_id uuid, scopes text[], expires_at timestamptz, last_used_at timestamptz
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT
            api_key.tenant_id, tenant.name, api_key.governance_agent_id,
            governance_agent.name, api_key.id, api_key.scopes, api_key.expires_at,
            api_key.last_used_at
        FROM app.api_key
        INNER JOIN app.tenant ON api_key.tenant_id = tenant.tenant_id
        INNER JOIN app.governance_agent
            ON
                api_key.tenant_id = governance_agent.tenant_id
                AND api_key.governance_agent_id = governance_agent.id
        WHERE
            api_key.key_hash = p_key_hash
            AND api_key.revoked_at IS NULL
            AND (api_key.expires_at IS NULL OR api_key.expires_at > clock_timestamp());
    -- To the minute, so that a busy key is no hot row.
    UPDATE app.api_key SET last_used_at = clock_timestamp()
    WHERE
        api_key.key_hash = p_key_hash
        AND api_key.revoked_at IS NULL
        AND (api_key.expires_at IS NULL OR api_key.expires_at > clock_timestamp())
        AND (
            api_key.last_used_at IS NULL
            OR api_key.last_used_at < clock_timestamp() - interval '1 minute'
        );
END
$$;
SET LOCAL ROLE plant_owner;
REVOKE CREATE ON SCHEMA app FROM plant_writer, plant_auth;
