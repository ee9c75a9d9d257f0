-- What must hold before an entity enters force, who may take which step, and the guard
-- that asks both on every change.
-- depends: 0007.life_cycle

-- In this file the state of what is referred to is asked for row by row, by sub-selects:
-- a plan made while a table was empty may join by reading the whole tenant, and is kept.

-- Violations of the L1 checks by an entity whose kind and link rows are already
-- written. Runs as plant_rules, which sees drafts of every governance agent.
CREATE FUNCTION app.rule_violations(p_base app.base_entity)
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
COMMENT ON FUNCTION app.rule_violations(app.base_entity) IS 'L1 checks that an entity does not meet.';

-- Everything the entity refers to, locked in id order, so that archiving a target and
-- certifying what needs it cannot both succeed.
CREATE FUNCTION app.lock_references(p_tenant_id uuid, p_id uuid) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
SELECT
FROM app.base_entity
WHERE
    base_entity.tenant_id = p_tenant_id
    AND base_entity.id = ANY(ARRAY(
        SELECT entity_reference.target_id FROM app.entity_reference
        WHERE
            entity_reference.tenant_id = p_tenant_id
            AND entity_reference.dependent_id = p_id
        UNION
        SELECT agent_entity.id FROM app.agent_entity
        WHERE agent_entity.tenant_id = p_tenant_id AND agent_entity.team_id = p_id
    ))
ORDER BY base_entity.id
FOR SHARE
$$;
COMMENT ON FUNCTION app.lock_references(uuid, uuid) IS 'Locks what an entity refers to (and a team''s members) FOR SHARE.';

CREATE FUNCTION app.require_rules(p_base app.base_entity) RETURNS void
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
COMMENT ON FUNCTION app.require_rules(app.base_entity) IS 'Raises PL006 naming each L1 check that fails.';

-- Scopes of a key, read from its row: a setting cannot grant one.
CREATE FUNCTION app.key_scopes(p_key_id uuid, p_governance_agent_id uuid) RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_scopes text[];
BEGIN
    SELECT api_key.scopes INTO v_scopes
    FROM app.api_key
    WHERE
        api_key.tenant_id = app.tenant_id()
        AND api_key.id = p_key_id
        AND api_key.governance_agent_id = p_governance_agent_id
        AND api_key.revoked_at IS NULL
        AND (api_key.expires_at IS NULL OR api_key.expires_at > clock_timestamp());
    IF v_scopes IS NULL THEN
        RAISE EXCEPTION 'The key is unknown, expired or revoked.'
            USING ERRCODE = 'PL011',
            HINT = 'Set app.tenant_id, app.governance_agent_id and app.key_id in this transaction.';
    END IF;
    RETURN v_scopes;
END
$$;
COMMENT ON FUNCTION app.key_scopes(uuid, uuid) IS 'Scopes of a key that is neither revoked nor expired; raises PL011.';

-- The governance agent of the second key of an import as active.
CREATE FUNCTION app.certifier_id() RETURNS uuid
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT api_key.governance_agent_id
FROM app.api_key
WHERE
    api_key.tenant_id = app.tenant_id()
    AND api_key.id = app.certifier_key_id()
    AND 'certify' = ANY(api_key.scopes)
    AND api_key.revoked_at IS NULL
    AND (api_key.expires_at IS NULL OR api_key.expires_at > clock_timestamp())
$$;
COMMENT ON FUNCTION app.certifier_id() IS 'Governance agent of the certifier key, NULL without a valid one.';

CREATE FUNCTION app.require_other_author(
    p_tenant_id uuid, p_id uuid, p_certifier uuid, p_writer uuid
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_certifier = p_writer OR EXISTS (
        SELECT FROM audit.entry
        WHERE
            entry.tenant_id = p_tenant_id
            AND entry.entity_id = p_id
            AND entry.operation IN ('create', 'amend')
            AND entry.actor = p_certifier::text
            AND entry.version > (
                SELECT coalesce(max(certified.version), 0)
                FROM audit.entry AS certified
                WHERE
                    certified.tenant_id = p_tenant_id
                    AND certified.entity_id = p_id
                    AND certified.operation IN ('certify', 'import')
            )
    ) THEN
        RAISE EXCEPTION 'Nobody certifies what their own governance agent wrote; another one must.'
            USING ERRCODE = 'PL008';
    END IF;
END
$$;
COMMENT ON FUNCTION app.require_other_author(uuid, uuid, uuid, uuid)
IS 'Raises PL008 when the certifier wrote a version since the last certification.';

-- Checks one life-cycle step and returns its operation.
CREATE FUNCTION app.check_step(p_old app.base_entity, p_new app.base_entity, p_scopes text[])
RETURNS void
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
COMMENT ON FUNCTION app.check_step(app.base_entity, app.base_entity, text[])
IS 'Raises unless this step is allowed, the key has its scope, and the rules hold.';

CREATE FUNCTION app.base_entity_guard() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table was small must not read it whole once it has grown.
SET enable_seqscan = OFF
AS $$
DECLARE
    v_scopes text[] := app.key_scopes(app.key_id(), app.governance_agent_id());
    v_certifier uuid;
    -- What may change in force without a certification, and what changes by itself.
    v_operational constant text[] :=
        '{tags,governance_notes,team_id,status,version,updated_at}';
    v_of_step constant text[] := '{status,version,updated_at}';
BEGIN
    IF NEW.tenant_id <> app.tenant_id() THEN
        RAISE EXCEPTION 'The row belongs to another tenant.' USING ERRCODE = 'PL013';
    END IF;
    -- Rules are asked after the locks are held. An older snapshot would not show what was
    -- certified or archived while this transaction waited for them.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'Entities are changed in READ COMMITTED transactions only.'
            USING ERRCODE = 'PL013';
    END IF;
    IF NEW.status = 'active'
        AND (tg_op = 'INSERT' OR OLD.status IN ('draft', 'under_review', 'certified'))
        AND app.certifier_key_id() IS NOT NULL
    THEN
        v_certifier := app.certifier_id();
        IF v_certifier IS NULL THEN
            RAISE EXCEPTION 'Certifying needs a valid second key with scope certify.'
                USING ERRCODE = 'PL007', DETAIL = '{"required_scope": "certify"}';
        END IF;
    END IF;
    IF 'write' <> ALL(v_scopes) AND (tg_op = 'INSERT' OR NEW.status = OLD.status) THEN
        RAISE EXCEPTION 'A change needs a key with scope write.'
            USING ERRCODE = 'PL007', DETAIL = '{"required_scope": "write"}';
    END IF;
    -- Within which a name is unique: the guard's to say, so that no caller can choose it.
    NEW.name_scope := NULL;
    IF NEW.entity_type = 'industry' THEN
        SELECT industry_entity.scheme || ' ' || industry_entity.level INTO NEW.name_scope
        FROM app.industry_entity
        WHERE industry_entity.tenant_id = NEW.tenant_id AND industry_entity.id = NEW.id;
    END IF;

    IF tg_op = 'INSERT' THEN
        IF NEW.governance_agent_id <> app.governance_agent_id() THEN
            RAISE EXCEPTION 'An entity is created in the name of its own governance agent.'
                USING ERRCODE = 'PL013';
        END IF;
        IF NEW.status <> 'draft' AND v_certifier IS NULL THEN
            RAISE EXCEPTION 'An entity begins as a draft.'
                USING ERRCODE = 'PL003', DETAIL = '{"allowed": ["draft"]}';
        END IF;
        NEW.version := 1;
        NEW.created_at := clock_timestamp();
        NEW.updated_at := NEW.created_at;
        NEW.document := app.entity_document(NEW);
        IF v_certifier IS NOT NULL THEN
            PERFORM app.require_other_author(
                NEW.tenant_id, NEW.id, v_certifier, NEW.governance_agent_id);
            PERFORM app.require_rules(NEW);
        END IF;
        RETURN NEW;
    END IF;

    IF (NEW.tenant_id, NEW.id, NEW.entity_type, NEW.created_at, NEW.governance_agent_id)
        IS DISTINCT FROM
        (OLD.tenant_id, OLD.id, OLD.entity_type, OLD.created_at, OLD.governance_agent_id)
    THEN
        RAISE EXCEPTION 'Tenant, id, kind, creation time and governance agent never change.'
            USING ERRCODE = 'PL013';
    END IF;
    IF NEW.version NOT IN (OLD.version, OLD.version + 1) THEN
        RAISE EXCEPTION 'Versions step by one.' USING ERRCODE = 'PL013';
    END IF;
    IF OLD.status = 'archived' THEN
        RAISE EXCEPTION 'What is archived never changes.'
            USING ERRCODE = 'PL003', DETAIL = '{"allowed": []}';
    END IF;
    NEW.version := OLD.version + 1;
    -- Under the row lock: versions and times agree even when the clock steps back.
    NEW.updated_at := greatest(clock_timestamp(), OLD.updated_at + interval '1 microsecond');
    NEW.archived_at := CASE WHEN NEW.status = 'archived' THEN NEW.updated_at END;
    NEW.document := app.entity_document(NEW);
    -- As text: to jsonb 1 equals 1.0, but what is served and hashed would differ.
    IF OLD.status <> 'draft'
        AND (NEW.document::jsonb - v_operational)::text
        <> (OLD.document::jsonb - v_operational)::text
    THEN
        RAISE EXCEPTION 'The content of an entity that is % changes only by an amendment.',
            OLD.status
            USING ERRCODE = 'PL004', DETAIL = jsonb_build_object(
                'current_status', OLD.status,
                'errors', (
                    SELECT jsonb_agg(jsonb_build_object(
                        'pointer', '/' || replace(field.key, '_sha256', '_384'),
                        'rule', 'immutable',
                        'message', 'changes only by an amendment') ORDER BY field.key)
                    FROM jsonb_each(NEW.document::jsonb - v_operational) AS field
                    WHERE
                        field.value::text
                        IS DISTINCT FROM (OLD.document::jsonb -> field.key)::text
                ))::text;
    END IF;
    IF NEW.status <> OLD.status THEN
        IF 'write' <> ALL(v_scopes)
            AND (NEW.document::jsonb - v_of_step)::text
            <> (OLD.document::jsonb - v_of_step)::text
        THEN
            RAISE EXCEPTION 'A step with this key changes nothing but the state.'
                USING ERRCODE = 'PL007', DETAIL = '{"required_scope": "write"}';
        END IF;
        IF v_certifier IS NOT NULL THEN
            IF 'write' <> ALL(v_scopes) THEN
                RAISE EXCEPTION 'An import needs a key with scope write.'
                    USING ERRCODE = 'PL007', DETAIL = '{"required_scope": "write"}';
            END IF;
            PERFORM app.require_other_author(
                NEW.tenant_id, NEW.id, v_certifier, app.governance_agent_id());
            PERFORM app.require_rules(NEW);
        ELSE
            PERFORM app.check_step(OLD, NEW, v_scopes);
        END IF;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION app.base_entity_guard() IS 'Trigger: who, which step, what never changes; sets version, times and document.';

-- The log, last of the triggers: what it hashes is what is stored.
CREATE FUNCTION audit.base_entity_log() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_audit_id uuid := uuidv7();
    v_salt bytea := uuid_send(gen_random_uuid());
    v_payload_hash bytea := sha256(v_salt || convert_to(NEW.document, 'UTF8'));
    v_prev_hash bytea := decode(repeat('00', 32), 'hex');
    v_operation text := 'create';
    v_actor text := app.governance_agent_id();
    v_key text := app.key_id();
    v_entry_hash bytea;
BEGIN
    IF tg_op = 'UPDATE' THEN
        v_prev_hash := OLD.version_hash;
        v_operation := 'amend';
    END IF;
    IF NEW.status = 'active' AND app.certifier_key_id() IS NOT NULL
        AND (tg_op = 'INSERT' OR OLD.status <> 'active')
    THEN
        v_operation := 'import';
        SELECT v_actor || '+' || api_key.governance_agent_id, v_key || '+' || api_key.id
        INTO STRICT v_actor, v_key
        FROM app.api_key
        WHERE
            api_key.tenant_id = NEW.tenant_id
            AND api_key.id = app.certifier_key_id();
    ELSIF tg_op = 'UPDATE' AND NEW.status <> OLD.status THEN
        SELECT life_cycle_step.operation INTO STRICT v_operation
        FROM app.life_cycle_step
        WHERE
            life_cycle_step.from_status = OLD.status
            AND life_cycle_step.to_status = NEW.status
            AND coalesce(
                life_cycle_step.by_author
                = (OLD.governance_agent_id = app.governance_agent_id()),
                TRUE
            );
    END IF;

    v_entry_hash := sha256(audit.entry_bytes(
        NEW.tenant_id, NEW.entity_type, NEW.id, NEW.version, v_operation, v_actor, v_key,
        NEW.updated_at, v_payload_hash, v_prev_hash));
    INSERT INTO audit.entry (
        tenant_id, audit_id, entity_type, entity_id, version, operation, actor, key, at,
        payload_hash, prev_hash, entry_hash
    ) VALUES (
        NEW.tenant_id, v_audit_id, NEW.entity_type, NEW.id, NEW.version, v_operation,
        v_actor, v_key, NEW.updated_at, v_payload_hash, v_prev_hash, v_entry_hash
    );
    INSERT INTO audit.payload (
        tenant_id, audit_id, salt, body, reason, successor_id, private_to
    ) VALUES (
        NEW.tenant_id, v_audit_id, v_salt, NEW.document,
        nullif(current_setting('app.step_reason', TRUE), ''),
        nullif(current_setting('app.step_successor_id', TRUE), '')::uuid,
        -- Not NEW.private_to: a generated column is computed after these triggers.
        CASE WHEN NEW.status = 'draft' THEN NEW.governance_agent_id END
    );
    INSERT INTO audit.pending (tenant_id, audit_id) VALUES (NEW.tenant_id, v_audit_id);
    NEW.version_hash := v_entry_hash;
    NEW.last_entry_id := v_audit_id;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION audit.base_entity_log() IS 'Trigger: writes exactly one entry, payload and pending row per change.';

-- Kind, link and label rows follow the privacy of their base row.
CREATE FUNCTION app.base_entity_privacy() RETURNS trigger
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
COMMENT ON FUNCTION app.base_entity_privacy() IS 'Trigger: carries private_to to the rows that belong to the entity.';

CREATE FUNCTION app.agent_entity_guard() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'The industry of an agent never changes.'
        USING ERRCODE = 'PL018', DETAIL = jsonb_build_object('errors', jsonb_build_array(
            jsonb_build_object('pointer', '/industry_id', 'rule', 'immutable',
                'message', 'Create another agent for another industry.')))::text;
END
$$;
COMMENT ON FUNCTION app.agent_entity_guard() IS 'Trigger: refuses another industry.';

CREATE TRIGGER base_entity_10_guard BEFORE INSERT OR UPDATE ON app.base_entity
FOR EACH ROW EXECUTE FUNCTION app.base_entity_guard();
CREATE TRIGGER base_entity_90_log BEFORE INSERT OR UPDATE ON app.base_entity
FOR EACH ROW EXECUTE FUNCTION audit.base_entity_log();
CREATE TRIGGER base_entity_95_privacy AFTER UPDATE ON app.base_entity
FOR EACH ROW WHEN (old.private_to IS DISTINCT FROM new.private_to)
EXECUTE FUNCTION app.base_entity_privacy();
CREATE TRIGGER agent_entity_10_guard BEFORE UPDATE ON app.agent_entity
FOR EACH ROW WHEN (old.industry_id IS DISTINCT FROM new.industry_id)
EXECUTE FUNCTION app.agent_entity_guard();
ALTER TABLE app.base_entity ENABLE ALWAYS TRIGGER base_entity_10_guard;
ALTER TABLE app.base_entity ENABLE ALWAYS TRIGGER base_entity_90_log;
ALTER TABLE app.base_entity ENABLE ALWAYS TRIGGER base_entity_95_privacy;
ALTER TABLE app.agent_entity ENABLE ALWAYS TRIGGER agent_entity_10_guard;

-- Ownership: the guard asks as plant_rules, the log writes as plant_audit. Handing a
-- function over needs CREATE on its schema for that moment.
GRANT CREATE ON SCHEMA app TO plant_rules;
GRANT CREATE ON SCHEMA audit TO plant_audit;
ALTER FUNCTION app.base_entity_guard() OWNER TO plant_rules;
ALTER FUNCTION app.base_entity_privacy() OWNER TO plant_rules;
ALTER FUNCTION audit.base_entity_log() OWNER TO plant_audit;
REVOKE CREATE ON SCHEMA app FROM plant_rules;
REVOKE CREATE ON SCHEMA audit FROM plant_audit;

GRANT EXECUTE ON FUNCTION
app.rule_violations(app.base_entity), app.lock_references(uuid, uuid),
app.require_rules(app.base_entity), app.key_scopes(uuid, uuid), app.certifier_id(),
app.require_other_author(uuid, uuid, uuid, uuid),
app.check_step(app.base_entity, app.base_entity, text[])
TO plant_rules;
CREATE POLICY api_key_audit_read ON app.api_key FOR SELECT TO plant_audit
USING (tenant_id = (SELECT app.tenant_id()));
GRANT SELECT (tenant_id, id, governance_agent_id) ON app.api_key TO plant_audit;
