-- Refusals for what others in force depend on: how many, beside the twenty that are listed.
-- depends: 0037.label_privacy
--
-- To list the first twenty by id all of them are looked at anyway.
-- As in 0013, but for the count.
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
    v_count bigint;
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

    SELECT
        count(*),
        jsonb_agg(
            jsonb_build_object(
                'id', dependent.id, 'entity_type', dependent.entity_type,
                'name', dependent.name, 'status', dependent.status,
                'relation', dependent.relation
            ) ORDER BY dependent.id) FILTER (WHERE dependent.place <= 20)
    INTO v_count, v_dependents
    FROM (
        SELECT
            entity.id, entity.entity_type, entity.name, entity.status,
            entity_reference.relation,
            row_number() OVER (ORDER BY entity.id, entity_reference.relation) AS place
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
    ) AS dependent;
    IF p_new.status = 'archived' THEN
        IF v_dependents IS NOT NULL THEN
            RAISE EXCEPTION 'Entities in force depend on it.'
                USING ERRCODE = 'PL010',
                DETAIL = jsonb_build_object(
                    'count', v_count, 'dependents', v_dependents)::text;
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
                'count', v_count,
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

-- As in 0017, but for the count.
CREATE OR REPLACE FUNCTION app.dependents(p_id uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'count', count(*),
            'dependents', coalesce(
                jsonb_agg(to_jsonb(dependent) - 'place' ORDER BY dependent.id)
                FILTER (WHERE dependent.place <= 20),
                '[]'))
        FROM (
            SELECT
                entity.id, entity.entity_type, entity.name, entity.status,
                entity_reference.relation,
                row_number() OVER (ORDER BY entity.id, entity_reference.relation) AS place
            FROM app.entity_reference
            CROSS JOIN LATERAL (
                SELECT
                    base_entity.id, base_entity.entity_type, base_entity.name,
                    base_entity.status
                FROM app.base_entity
                WHERE
                    base_entity.tenant_id = app.tenant_id()
                    AND base_entity.id = entity_reference.dependent_id
                OFFSET 0
            ) AS entity
            WHERE
                entity_reference.tenant_id = app.tenant_id()
                AND entity_reference.target_id = p_id
                AND app.is_in_force(entity.status)
        ) AS dependent
    );
END
$$;
COMMENT ON FUNCTION app.dependents(uuid) IS 'What in force depends on an entity: how many, and twenty of them at most.';

-- Only its owner replaces it.
GRANT CREATE ON SCHEMA app TO plant_writer;
SET LOCAL ROLE plant_writer;
CREATE OR REPLACE FUNCTION app.import_take_absent(p_import_id uuid, p_dependents boolean)
RETURNS SETOF app.import_outcome
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    LOOP
        RETURN QUERY
            WITH page AS MATERIALIZED (
                SELECT import_line.line
                FROM app.import_line
                WHERE
                    import_line.tenant_id = app.tenant_id()
                    AND import_line.import_id = p_import_id
                    AND import_line.chunk = 0
                ORDER BY import_line.line DESC
                LIMIT 500
            ),

            removed AS (
                DELETE FROM app.import_line
                WHERE
                    import_line.tenant_id = app.tenant_id()
                    AND import_line.import_id = p_import_id
                    AND import_line.line IN (SELECT page.line FROM page)
                RETURNING
                    import_line.line, import_line.entity_id, import_line.external_id,
                    import_line.problem
            )

            SELECT
                removed.line,
                CASE WHEN p_dependents THEN 'kept' ELSE 'absent' END,
                removed.entity_id,
                removed.external_id,
                CASE
                    WHEN NOT p_dependents THEN NULL
                    ELSE coalesce(removed.problem, jsonb_build_object(
                        'sqlstate', 'PL010',
                        'message', 'Entities in force depend on it.',
                        'detail', app.dependents(removed.entity_id)::text))
                END
            FROM removed
            WHERE EXISTS (
                SELECT
                FROM app.base_entity
                WHERE
                    base_entity.tenant_id = (SELECT app.tenant_id())
                    AND base_entity.id = removed.entity_id
                    AND base_entity.status <> 'archived'
            );
        EXIT WHEN FOUND OR NOT EXISTS (
            SELECT
            FROM app.import_line
            WHERE
                import_line.tenant_id = app.tenant_id()
                AND import_line.import_id = p_import_id
                AND import_line.chunk = 0
        );
    END LOOP;
END
$$;
SET LOCAL ROLE plant_owner;
REVOKE CREATE ON SCHEMA app FROM plant_writer;
