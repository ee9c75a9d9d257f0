-- Undoes 0020.dba_mends.
DO $do$
BEGIN
    IF EXISTS (
        SELECT FROM pg_catalog.pg_roles
        WHERE
            rolname = 'plant_readonly'
            AND rolconnlimit = 20
            AND rolconfig
            = ARRAY['statement_timeout=60s', 'idle_in_transaction_session_timeout=5min']
    ) THEN
        ALTER ROLE plant_readonly CONNECTION LIMIT -1;
        ALTER ROLE plant_readonly RESET ALL;
    END IF;
EXCEPTION
    WHEN insufficient_privilege THEN NULL;
END
$do$;

GRANT CREATE ON SCHEMA app TO plant_writer;
SET LOCAL ROLE plant_writer;
CREATE OR REPLACE FUNCTION app.import_begin(p_import_id uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_dead uuid[];
    v_removed bigint;
BEGIN
    PERFORM pg_advisory_lock(app.import_lock(p_import_id));
    WITH staged AS MATERIALIZED (
        SELECT DISTINCT import_line.import_id
        FROM app.import_line
        WHERE import_line.tenant_id = app.tenant_id() AND import_line.import_id <> p_import_id
    )

    SELECT coalesce(array_agg(staged.import_id), '{}') INTO v_dead
    FROM staged
    WHERE pg_try_advisory_xact_lock(app.import_lock(staged.import_id));
    DELETE FROM app.import_line
    WHERE import_line.tenant_id = app.tenant_id() AND import_line.import_id = ANY(v_dead);
    GET DIAGNOSTICS v_removed = ROW_COUNT;
    RETURN v_removed;
END
$$;
SET LOCAL ROLE plant_owner;
REVOKE CREATE ON SCHEMA app FROM plant_writer;

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
