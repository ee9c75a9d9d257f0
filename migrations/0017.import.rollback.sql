-- Two functions of plant_writer's: only an owner replaces one.
GRANT CREATE ON SCHEMA app TO plant_writer;
SET LOCAL ROLE plant_writer;
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

CREATE OR REPLACE FUNCTION app.import_apply(p_import_id uuid, p_chunk bigint, p_active boolean)
RETURNS SETOF app.import_outcome
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- Another import of the tenant may hold the lock on parents for as long as a chunk takes.
SET lock_timeout = '60s'
AS $$
DECLARE
    v_lines bigint[];
    v_changes_parents boolean;
    v_outcomes app.import_outcome[];
BEGIN
    SELECT
        coalesce(
            array_agg(import_line.line ORDER BY import_line.line)
                FILTER (WHERE import_line.body IS NOT NULL),
            '{}'),
        bool_or(
            import_line.body ? 'parent_ids'
            AND EXISTS (
                SELECT FROM app.base_entity
                WHERE
                    base_entity.tenant_id = app.tenant_id()
                    AND base_entity.entity_type = import_line.kind
                    AND base_entity.external_id = import_line.external_id
            )
        ),
        array_agg(
            ROW(
                import_line.line, 'rejected', NULL, NULL, import_line.problem
            )::app.import_outcome
        ) FILTER (WHERE import_line.problem IS NOT NULL)
    INTO v_lines, v_changes_parents, v_outcomes
    FROM app.import_line
    WHERE
        import_line.tenant_id = app.tenant_id()
        AND import_line.import_id = p_import_id
        AND import_line.chunk = p_chunk;
    -- Statistics are renewed between chunks, not inside one (app.renew_statistics).
    PERFORM set_config('app.importing', 'yes', TRUE);
    -- Before any row, as single writes do; what is new has nobody below it to lock for.
    IF v_changes_parents THEN
        PERFORM pg_advisory_xact_lock(
            hashtextextended('plant parents ' || app.tenant_id(), 0));
    END IF;
    v_outcomes := v_outcomes || ARRAY(
        SELECT turned FROM app.import_turns(p_import_id, v_lines, p_active) AS turned);
    PERFORM set_config('app.importing', '', TRUE);
    RETURN QUERY
        WITH removed AS (
            DELETE FROM app.import_line
            WHERE
                import_line.tenant_id = app.tenant_id()
                AND import_line.import_id = p_import_id
                AND import_line.chunk = p_chunk
            RETURNING import_line.line, import_line.external_id
        )

        SELECT outcome.line, outcome.outcome, outcome.id, removed.external_id, outcome.problem
        FROM unnest(v_outcomes) AS outcome
        LEFT JOIN removed ON outcome.line = removed.line;
END
$$;
SET LOCAL ROLE plant_owner;
GRANT CREATE ON SCHEMA app TO plant_rules;
GRANT CREATE ON SCHEMA audit TO plant_audit;
SET LOCAL ROLE plant_rules;
CREATE OR REPLACE FUNCTION app.base_entity_guard() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table was small must not read it whole once it has grown.
SET enable_seqscan = OFF
AS $$
DECLARE
    v_scopes text[] := app.key_scopes(app.key_id(), app.governance_agent_id());
    v_certifier uuid;
    v_certified text;
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
    -- An amendment that stands certified on this very version is about to change the entity:
    -- the transaction that certified it goes on to the next version, or is undone.
    IF tg_op = 'UPDATE' AND NEW.status = OLD.status AND app.is_in_force(OLD.status) THEN
        SELECT amendment.document INTO v_certified
        FROM app.amendment
        WHERE
            amendment.tenant_id = OLD.tenant_id
            AND amendment.entity_id = OLD.id
            AND amendment.base_version = OLD.version
            AND amendment.status = 'certified';
    END IF;
    IF v_certified IS NOT NULL THEN
        IF 'certify' <> ALL(v_scopes) THEN
            RAISE EXCEPTION 'Certifying needs a key with scope certify.'
                USING ERRCODE = 'PL007', DETAIL = '{"required_scope": "certify"}';
        END IF;
    ELSIF 'write' <> ALL(v_scopes) AND (tg_op = 'INSERT' OR NEW.status = OLD.status) THEN
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
    IF v_certified IS NOT NULL THEN
        IF app.document_content(NEW.document) <> app.document_content(v_certified) THEN
            RAISE EXCEPTION 'The change is not the one that was certified.'
                USING ERRCODE = 'PL004',
                DETAIL = jsonb_build_object('current_status', OLD.status)::text;
        END IF;
        -- The amendment's guard has asked who wrote the amendment. A tag that the certifier
        -- gave the entity since it was certified is in this document too.
        PERFORM app.require_other_author(
            NEW.tenant_id, NEW.id, app.governance_agent_id(), NULL);
        PERFORM app.require_rules(NEW);
        RETURN NEW;
    END IF;
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
SET LOCAL ROLE plant_audit;
CREATE OR REPLACE FUNCTION audit.base_entity_log() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table was small must not read it whole once it has grown.
SET enable_seqscan = OFF
AS $$
DECLARE
    v_prev_hash bytea := decode(repeat('00', 32), 'hex');
    v_operation text := 'create';
    v_actor text := app.governance_agent_id();
    v_key text := app.key_id();
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
    ELSIF tg_op = 'UPDATE' AND app.is_in_force(OLD.status) AND EXISTS (
        SELECT FROM app.amendment
        WHERE
            amendment.tenant_id = OLD.tenant_id
            AND amendment.entity_id = OLD.id
            AND amendment.base_version = OLD.version
            AND amendment.status = 'certified'
    ) THEN
        -- The guard has compared the two: this is the certification of that amendment.
        v_operation := 'certify';
    END IF;

    SELECT appended.audit_id, appended.entry_hash INTO NEW.last_entry_id, NEW.version_hash
    FROM audit.append_entry(
        NEW.tenant_id, NEW.entity_type, NEW.id, NEW.version, v_operation, v_actor, v_key,
        NEW.updated_at, NEW.document, v_prev_hash,
        -- Not NEW.private_to: a generated column is computed after these triggers.
        CASE WHEN NEW.status = 'draft' THEN NEW.governance_agent_id END
    ) AS appended;
    RETURN NEW;
END
$$;
SET LOCAL ROLE plant_owner;
REVOKE CREATE ON SCHEMA app FROM plant_rules, plant_writer;
REVOKE CREATE ON SCHEMA audit FROM plant_audit;
CREATE OR REPLACE FUNCTION app.import_write(
    p_import_id uuid, p_kind text, p_lines bigint[], p_active boolean
) RETURNS SETOF app.import_outcome
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_lines bigint[];
    v_bodies jsonb[];
    v_team_ids uuid[];
    v_new_ids uuid[];
    v_new_bodies jsonb[];
    v_old_ids uuid[];
    v_old_bodies jsonb[];
    v_raised_ids uuid[];
    v_raised_bodies jsonb[];
    v_outcomes app.import_outcome[];
BEGIN
    -- A team that comes with this set is not there to be found yet: its id is known.
    SELECT
        array_agg(import_line.line ORDER BY import_line.line),
        array_agg(
            CASE
                WHEN team.entity_id IS NULL THEN import_line.body
                ELSE import_line.body - 'team_id'
            END ORDER BY import_line.line),
        array_agg(team.entity_id ORDER BY import_line.line)
    INTO v_lines, v_bodies, v_team_ids
    FROM app.import_line
    LEFT JOIN app.import_line AS team
        ON
            team.tenant_id = import_line.tenant_id
            AND team.import_id = import_line.import_id
            AND team.kind = 'team'
            AND team.external_id = import_line.body #>> '{team_id,external_id}'
            AND team.line = ANY(p_lines)
            AND NOT EXISTS (
                SELECT FROM app.base_entity
                WHERE
                    base_entity.tenant_id = (SELECT app.tenant_id())
                    AND base_entity.entity_type = 'team'
                    AND base_entity.external_id = team.external_id
            )
    WHERE
        import_line.tenant_id = app.tenant_id()
        AND import_line.import_id = p_import_id
        AND import_line.line = ANY(p_lines)
        AND import_line.kind = p_kind
        AND import_line.body IS NOT NULL;
    IF v_lines IS NULL THEN
        RETURN;
    END IF;

    WITH resolved AS MATERIALIZED (
        SELECT
            v_lines[resolution.line] AS line,
            CASE
                WHEN v_team_ids[resolution.line] IS NULL THEN resolution.body
                ELSE resolution.body
                    || jsonb_build_object('team_id', v_team_ids[resolution.line])
            END AS body,
            resolution.missing,
            import_line.external_id,
            import_line.entity_id
        FROM app.resolve_references(p_kind, v_bodies) AS resolution
        INNER JOIN app.import_line
            ON
                import_line.tenant_id = app.tenant_id()
                AND import_line.import_id = p_import_id
                AND import_line.line = v_lines[resolution.line]
    ),

    matched AS MATERIALIZED (
        SELECT
            resolved.line,
            resolved.body || jsonb_build_object('external_id', resolved.external_id) AS body,
            resolved.missing,
            base_entity.id IS NULL AS is_new,
            coalesce(base_entity.id, resolved.entity_id) AS id,
            p_active AND base_entity.status IN ('draft', 'under_review', 'certified')
                AS is_raised,
            p_active AND base_entity.status = 'archived' AS is_gone,
            base_entity.id IS NOT NULL
            AND app.differs(base_entity.document::jsonb, resolved.body) AS is_changed
        FROM resolved
        LEFT JOIN app.base_entity
            ON
                base_entity.tenant_id = (SELECT app.tenant_id())
                AND base_entity.entity_type = p_kind
                AND base_entity.external_id = resolved.external_id
    )

    SELECT
        array_agg(matched.id ORDER BY matched.line)
            FILTER (WHERE matched.missing IS NULL AND matched.is_new),
        array_agg(matched.body ORDER BY matched.line)
            FILTER (WHERE matched.missing IS NULL AND matched.is_new),
        array_agg(matched.id ORDER BY matched.line) FILTER (
            WHERE matched.missing IS NULL AND NOT matched.is_new
            AND matched.is_changed AND NOT matched.is_raised
            AND matched.is_gone IS NOT TRUE),
        array_agg(matched.body ORDER BY matched.line) FILTER (
            WHERE matched.missing IS NULL AND NOT matched.is_new
            AND matched.is_changed AND NOT matched.is_raised
            AND matched.is_gone IS NOT TRUE),
        array_agg(matched.id ORDER BY matched.line) FILTER (
            WHERE matched.missing IS NULL AND NOT matched.is_new AND matched.is_raised),
        array_agg(matched.body ORDER BY matched.line) FILTER (
            WHERE matched.missing IS NULL AND NOT matched.is_new AND matched.is_raised),
        array_agg(ROW(
            matched.line,
            CASE
                WHEN matched.missing IS NOT NULL OR matched.is_gone THEN 'rejected'
                WHEN matched.is_new THEN 'created'
                WHEN matched.is_changed OR matched.is_raised THEN 'amended'
                ELSE 'unchanged'
            END,
            CASE
                WHEN matched.missing IS NULL AND matched.is_gone IS NOT TRUE THEN matched.id
            END,
            NULL,
            CASE
                WHEN matched.missing IS NOT NULL THEN jsonb_build_object(
                    'sqlstate', 'PL005',
                    'message', 'It refers to what does not exist or is not visible to you.',
                    'detail', jsonb_build_object('errors', matched.missing)::text)
                WHEN matched.is_gone THEN jsonb_build_object(
                    'sqlstate', 'PL003',
                    'message', 'It is archived, and what is archived never changes.',
                    'detail', '{"allowed": []}')
            END
        )::app.import_outcome ORDER BY matched.line)
    INTO
        v_new_ids, v_new_bodies, v_old_ids, v_old_bodies, v_raised_ids, v_raised_bodies,
        v_outcomes
    FROM matched;

    -- Skills before what needs them, so the order of kinds is the caller's.
    IF v_new_ids IS NOT NULL THEN
        CASE p_kind
            WHEN 'industry' THEN PERFORM app.industry_create(
                v_new_ids, v_new_bodies, CASE WHEN p_active THEN 'active' ELSE 'draft' END);
            WHEN 'skill' THEN PERFORM app.skill_create(
                v_new_ids, v_new_bodies, CASE WHEN p_active THEN 'active' ELSE 'draft' END);
            WHEN 'job_role' THEN PERFORM app.job_role_create(
                v_new_ids, v_new_bodies, CASE WHEN p_active THEN 'active' ELSE 'draft' END);
            WHEN 'team' THEN PERFORM app.team_create(
                v_new_ids, v_new_bodies, CASE WHEN p_active THEN 'active' ELSE 'draft' END);
            WHEN 'agent' THEN PERFORM app.agent_create(
                v_new_ids, v_new_bodies, CASE WHEN p_active THEN 'active' ELSE 'draft' END);
        END CASE;
    END IF;
    IF v_old_ids IS NOT NULL THEN
        PERFORM app.import_amend(p_kind, v_old_ids, v_old_bodies, NULL);
    END IF;
    IF v_raised_ids IS NOT NULL THEN
        PERFORM app.import_amend(p_kind, v_raised_ids, v_raised_bodies, 'active');
    END IF;
    RETURN QUERY SELECT (unnest(v_outcomes)).*;
END
$$;
DROP FUNCTION app.import_take_absent(uuid, boolean);
DROP FUNCTION app.import_archive(uuid, text, bigint);
DROP FUNCTION app.import_archive_try(uuid, bigint[]);
DROP FUNCTION app.import_find_absent(uuid, timestamptz);
DROP FUNCTION app.import_analyse_kind(text);
DROP FUNCTION app.import_analyse_lines();
DROP FUNCTION app.import_apply(uuid, bigint, boolean, boolean);
DROP FUNCTION app.import_propose(uuid[], jsonb[]);
DROP FUNCTION app.import_patch(text, jsonb, jsonb);
DROP FUNCTION app.amendable_body(jsonb, jsonb);
DROP FUNCTION app.certified_content(text);
DROP FUNCTION app.dependents(uuid);
DROP FUNCTION app.has_dependents(uuid);
DROP FUNCTION app.id_namespace(text);
REVOKE SELECT ON app.entity_reference FROM plant_writer;
DROP FUNCTION app.import_explained(uuid, app.import_outcome[]);
DROP FUNCTION app.import_moves(uuid, bigint[]);
DROP FUNCTION app.import_reject_unplaced(uuid, boolean);
CREATE OR REPLACE FUNCTION app.resolve_references(p_kind text, p_bodies jsonb[])
RETURNS TABLE (line integer, body jsonb, missing jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH given AS MATERIALIZED (
    SELECT given.line::integer AS line, given.body
    FROM unnest(p_bodies) WITH ORDINALITY AS given (body, line)
),

reference AS (
    SELECT
        given.line, field.name AS field, field.target, NULL::bigint AS item_no,
        given.body -> field.name AS item
    FROM given
    CROSS JOIN (
        VALUES ('industry_id', 'industry'), ('job_role_id', 'job_role'), ('team_id', 'team')
    ) AS field (name, target)
    WHERE jsonb_typeof(given.body -> field.name) IN ('string', 'object')
    UNION ALL
    SELECT given.line, field.name, field.target, item.item_no, item.value
    FROM given
    CROSS JOIN (
        VALUES ('parent_ids', p_kind), ('required_skills', 'skill'), ('skill_ids', 'skill')
    ) AS field (name, target)
    CROSS JOIN LATERAL jsonb_array_elements(
        CASE jsonb_typeof(given.body -> field.name)
            WHEN 'array' THEN given.body -> field.name
            ELSE '[]'
        END
    ) WITH ORDINALITY AS item (value, item_no)
),

found AS (
    SELECT reference.*, target.id
    FROM reference
    LEFT JOIN LATERAL (
        SELECT base_entity.id
        FROM app.base_entity
        WHERE
            base_entity.tenant_id = (SELECT app.tenant_id())
            AND base_entity.id = CASE jsonb_typeof(reference.item)
                WHEN 'string' THEN reference.item #>> '{}'
                ELSE reference.item ->> 'id'
            END::uuid
            AND base_entity.entity_type = reference.target
        UNION ALL
        SELECT base_entity.id
        FROM app.base_entity
        WHERE
            base_entity.tenant_id = (SELECT app.tenant_id())
            AND base_entity.entity_type = reference.target
            AND base_entity.external_id = CASE jsonb_typeof(reference.item)
                WHEN 'object' THEN reference.item ->> 'external_id'
            END
        LIMIT 1
    ) AS target ON TRUE
),

resolved AS (
    SELECT
        found.line,
        found.field,
        CASE
            WHEN min(found.item_no) IS NULL THEN to_jsonb(min(found.id::text))
            WHEN found.field = 'required_skills' THEN jsonb_agg(
                jsonb_build_object('id', found.id, 'relation', found.item ->> 'relation')
                ORDER BY found.id)
            ELSE jsonb_agg(found.id ORDER BY found.id)
        END AS value,
        jsonb_agg(
            jsonb_build_object(
                'pointer',
                '/' || found.field
                || coalesce('/' || (found.item_no - 1)::text, '')
                || CASE
                    WHEN jsonb_typeof(found.item) <> 'object' THEN ''
                    WHEN found.item ? 'id' THEN '/id'
                    ELSE '/external_id'
                END,
                'rule', 'exists',
                'message', 'No ' || found.target || ' with this id is visible to you.'
            ) ORDER BY found.item_no
        ) FILTER (WHERE found.id IS NULL) AS missing
    FROM found
    GROUP BY found.line, found.field
),

line_resolved AS (
    SELECT
        resolved.line,
        jsonb_object_agg(resolved.field, resolved.value) AS fields,
        jsonb_agg(resolved.missing) FILTER (WHERE resolved.missing IS NOT NULL) AS missing
    FROM resolved
    GROUP BY resolved.line
)

SELECT
    given.line,
    given.body || coalesce(line_resolved.fields, '{}'),
    (
        SELECT jsonb_agg(error.value)
        FROM jsonb_array_elements(line_resolved.missing) AS part (value)
        CROSS JOIN LATERAL jsonb_array_elements(part.value) AS error (value)
    )
FROM given
LEFT JOIN line_resolved ON given.line = line_resolved.line
ORDER BY given.line
$$;
