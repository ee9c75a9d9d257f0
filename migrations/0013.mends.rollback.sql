GRANT CREATE ON SCHEMA app TO plant_writer, plant_auth;
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
        AND (
            api_key.last_used_at IS NULL
            OR api_key.last_used_at < clock_timestamp() - interval '1 minute'
        );
END
$$;
SET LOCAL ROLE plant_writer;
CREATE OR REPLACE FUNCTION app.agent_create(p_ids uuid[], p_bodies jsonb[], p_status text)
RETURNS SETOF app.written
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_private_to uuid := CASE WHEN p_status = 'draft' THEN app.governance_agent_id() END;
BEGIN
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

CREATE OR REPLACE FUNCTION app.import_arrange(p_import_id uuid, p_active boolean)
RETURNS TABLE (chunk bigint, kind text, lines bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_tenant_id uuid := app.tenant_id();
    v_depth integer := 0;
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
    UPDATE app.import_line SET depth = 0
    WHERE
        import_line.tenant_id = v_tenant_id
        AND import_line.import_id = p_import_id
        AND NOT EXISTS (
            SELECT
            FROM app.import_parent(p_import_id, FALSE) AS parent
            WHERE parent.line = import_line.line
        );
    LOOP
        UPDATE app.import_line SET depth = v_depth + 1
        WHERE
            import_line.tenant_id = v_tenant_id
            AND import_line.import_id = p_import_id
            AND import_line.depth IS NULL
            AND NOT EXISTS (
                SELECT
                FROM app.import_parent(p_import_id, FALSE) AS parent
                WHERE
                    parent.line = import_line.line
                    AND (parent.parent_depth IS NULL OR parent.parent_depth > v_depth)
            );
        -- A bound, because each round looks at every line that is left.
        EXIT WHEN NOT FOUND OR v_depth >= 100;
        v_depth := v_depth + 1;
    END LOOP;
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

    WITH ranked AS (
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
            dense_rank() OVER (
                ORDER BY ranked.occurrence, ranked.kind_rank, ranked.depth
            ) AS level
        FROM ranked
    ),

    numbered AS (
        SELECT
            levelled.*,
            row_number() OVER (
                PARTITION BY levelled.level ORDER BY levelled.first_line, levelled.line
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
COMMENT ON FUNCTION app.import_arrange(uuid, boolean) IS 'Orders an import into chunks; returns them with kind and size.';
SET LOCAL ROLE plant_owner;
COMMENT ON FUNCTION app.entity_document(app.base_entity) IS 'The bytes served for an entity, from its base, kind and link rows.';
REVOKE CREATE ON SCHEMA app FROM plant_writer, plant_auth;

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
            ELSE (p_document -> field.key) IS DISTINCT FROM field.value
        END
)
$$;

CREATE OR REPLACE FUNCTION app.import_families(p_import_id uuid) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    UPDATE app.import_line SET
        family = CASE
            WHEN import_line.kind = 'team' THEN 'team ' || import_line.external_id
            ELSE coalesce(
                'team ' || (import_line.body #>> '{team_id,external_id}'),
                'line ' || import_line.line)
        END
    WHERE
        import_line.tenant_id = app.tenant_id()
        AND import_line.import_id = p_import_id
        AND import_line.kind IN ('team', 'agent');
    LOOP
        UPDATE app.import_line SET family = joined.family
        FROM (
            SELECT pair.family AS old_family, min(pair.other) AS family
            FROM (
                SELECT kin.family, kin.parent_family AS other
                FROM app.import_parent(p_import_id, TRUE) AS kin
                UNION
                SELECT kin.parent_family, kin.family
                FROM app.import_parent(p_import_id, TRUE) AS kin
            ) AS pair
            WHERE pair.other < pair.family
            GROUP BY pair.family
        ) AS joined
        WHERE
            import_line.tenant_id = app.tenant_id()
            AND import_line.import_id = p_import_id
            AND import_line.kind IN ('team', 'agent')
            AND import_line.family = joined.old_family;
        EXIT WHEN NOT FOUND;
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION app.import_parent(p_import_id uuid, p_kin boolean)
RETURNS TABLE (
    line bigint, parent_line bigint, parent_depth integer, family text, parent_family text
)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT child.line, parent.line, parent.depth, child.family, parent.family
FROM app.import_line AS child
CROSS JOIN LATERAL app.referenced_external_ids(child.body -> 'parent_ids')
    AS reference (external_id)
INNER JOIN app.import_line AS parent
    ON
        parent.tenant_id = (SELECT app.tenant_id())
        AND parent.import_id = p_import_id
        AND parent.kind = child.kind
        AND parent.external_id = reference.external_id
        AND parent.body IS NOT NULL
WHERE
    child.tenant_id = (SELECT app.tenant_id())
    AND child.import_id = p_import_id
    AND CASE WHEN p_kin THEN child.kind IN ('team', 'agent') ELSE child.depth IS NULL END
    AND child.body IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM app.base_entity
        WHERE
            base_entity.tenant_id = (SELECT app.tenant_id())
            AND base_entity.entity_type = child.kind
            AND base_entity.external_id = reference.external_id
    )
$$;

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
    v_half integer := cardinality(p_lines) / 2;
BEGIN
    IF cardinality(p_lines) = 0 THEN
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

CREATE OR REPLACE FUNCTION app.import_turns(p_import_id uuid, p_lines bigint[], p_active boolean)
RETURNS SETOF app.import_outcome
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_lines bigint[] := p_lines;
    v_waiting bigint[];
    v_outcomes app.import_outcome[];
    v_second_look boolean := FALSE;
BEGIN
    LOOP
        SELECT
            coalesce(array_agg(tried), '{}'),
            array_agg(tried.line ORDER BY tried.line) FILTER (
                WHERE tried.outcome = 'rejected'
                AND tried.problem ->> 'sqlstate' IN ('PL005', 'PL006', '23505'))
        INTO v_outcomes, v_waiting
        FROM app.import_try(p_import_id, v_lines, p_active) AS tried;
        -- Going on is worth it after progress; and once more where something was taken: by
        -- a line of this set that gives it up, or by who has just committed what this line
        -- says.
        IF v_waiting IS NULL OR (
            NOT EXISTS (
                SELECT FROM unnest(v_outcomes) AS one
                WHERE one.outcome IN ('created', 'amended')
            )
            AND (
                v_second_look
                OR NOT EXISTS (
                    SELECT FROM unnest(v_outcomes) AS one
                    WHERE one.problem ->> 'sqlstate' = '23505'
                )
            )
        ) THEN
            RETURN QUERY SELECT (unnest(v_outcomes)).*;
            RETURN;
        END IF;
        RETURN QUERY
            SELECT one.* FROM unnest(v_outcomes) AS one WHERE one.line <> ALL(v_waiting);
        v_second_look := NOT EXISTS (
            SELECT FROM unnest(v_outcomes) AS one WHERE one.outcome IN ('created', 'amended')
        );
        v_lines := v_waiting;
    END LOOP;
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
        RETURN QUERY VALUES ('L1-REF-1', v_count || ' of what it refers to is archived.');
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
                'L1-ROLE-2', v_count || ' of its essential skills are not in force.'
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
            RETURN QUERY VALUES ('L1-AGENT-3', v_count || ' of its skills are not in force.');
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
                'L1-AGENT-3', v_count || ' essential skills of its job role are missing.'
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
        RAISE EXCEPTION 'The % does not meet the rules for being in force.', p_base.entity_type
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
                    'message', 'Name an entity of the same kind that is in force.')))::text;
    END IF;
    IF v_successor IS NOT NULL THEN
        PERFORM FROM app.base_entity
        WHERE
            base_entity.tenant_id = p_old.tenant_id
            AND base_entity.id = v_successor
            AND base_entity.id <> p_old.id
            AND base_entity.entity_type = p_old.entity_type
            AND app.is_in_force(base_entity.status)
        FOR SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'The successor is not another % in force.', p_old.entity_type
                USING ERRCODE = 'PL005', DETAIL = jsonb_build_object('errors', jsonb_build_array(
                    jsonb_build_object('pointer', '/successor_id', 'rule', 'exists',
                        'message', 'Name an entity of the same kind that is in force.')))::text;
        END IF;
    END IF;
END
$$;

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

REVOKE EXECUTE ON FUNCTION app.name_key(text) FROM plant_writer;
DROP FUNCTION app.import_again(uuid, bigint[], bigint[], bigint[], bigint[], bigint[]);
DROP FUNCTION app.import_needs(uuid, bigint[]);
DROP FUNCTION app.import_parts(uuid, bigint[], boolean);
DROP FUNCTION app.import_waits(uuid);
DROP FUNCTION app.import_names(uuid, bigint[]);
DROP FUNCTION app.import_free(uuid, bigint[], app.import_outcome[], boolean);
DROP FUNCTION app.import_last(app.import_outcome[]);
DROP FUNCTION app.import_tell(uuid, bigint[], text[], boolean);
DROP FUNCTION app.import_taken_problem(text);
DROP FUNCTION app.import_taken(uuid, bigint[], boolean);
DROP FUNCTION app.taken(text, uuid, text, text, text, text, text);
DROP FUNCTION app.name_holder(text, text, text, uuid);
DROP FUNCTION app.import_said(uuid, bigint[]);
DROP FUNCTION app.import_depths(uuid);
DROP FUNCTION app.components(bigint[], bigint[]);
DROP FUNCTION app.levels(bigint[], bigint[]);
DROP FUNCTION app.numbered(bigint[], bigint[]);
REVOKE EXECUTE ON FUNCTION
app.entity_document(app.base_entity), app.json_time(timestamptz)
FROM plant_app;
DROP FUNCTION app.is_rendered(app.base_entity);
DROP FUNCTION app.check_bodies(text, jsonb[]);
DROP TRIGGER entity_parent_no_truncate ON app.entity_parent;
DROP TRIGGER entity_tag_no_truncate ON app.entity_tag;
DROP TRIGGER job_role_skill_no_truncate ON app.job_role_skill;
DROP TRIGGER agent_skill_no_truncate ON app.agent_skill;
DROP TRIGGER entity_label_no_truncate ON app.entity_label;
DROP TRIGGER entity_label_default_no_truncate ON app.entity_label_default;
DROP TRIGGER life_cycle_step_no_truncate ON app.life_cycle_step;
DROP TRIGGER tenant_no_truncate ON app.tenant;
DROP TRIGGER governance_agent_no_truncate ON app.governance_agent;
DROP TRIGGER api_key_no_truncate ON app.api_key;
DROP TRIGGER idempotency_no_truncate ON app.idempotency;
DROP TRIGGER secret_no_truncate ON app.secret;
