-- Imports that say what is in a line's way, that count only what has outgrown its
-- statistics, that find and archive what is not in them, and that change what is in force
-- by amendments or, with a second identity, at once.
-- depends: 0013.mends 0015.amendments

-- As in 0009, and it says by which kind of id something was sought.
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
                'message',
                'No ' || replace(found.target, '_', ' ') || ' with this '
                || CASE
                    WHEN jsonb_typeof(found.item) = 'object' AND NOT found.item ? 'id'
                        THEN 'external_id'
                    ELSE 'id'
                END || ' is visible to you.'
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

-- Lines that got no depth lie too deep, in a cycle of parents, or below one. Taking away,
-- round by round, what has no line below it that is left as well leaves the cycles.
-- p_too_deep: there are lines whose turn has not come, so that all may be well with them.
CREATE FUNCTION app.import_reject_unplaced(p_import_id uuid, p_too_deep boolean)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = OFF
AS $$
DECLARE
    v_found boolean;
BEGIN
    FOR v_round IN 1..100 LOOP
        UPDATE app.import_line SET depth = -1
        WHERE
            import_line.tenant_id = app.tenant_id()
            AND import_line.import_id = p_import_id
            AND import_line.depth IS NULL
            AND NOT EXISTS (
                SELECT
                FROM app.import_parent(p_import_id, FALSE) AS parent
                WHERE parent.parent_line = import_line.line
            );
        v_found := FOUND;
        EXIT WHEN NOT v_found;
    END LOOP;
    UPDATE app.import_line SET
        depth = 0,
        body = NULL,
        problem = CASE
            WHEN p_too_deep AND (v_found OR import_line.depth = -1) THEN jsonb_build_object(
                'sqlstate', 'PL009',
                'message',
                'Its parents lie over 100 deep among the lines of this import. '
                'The upper ones are in: the same import again takes it.',
                'detail', jsonb_build_object('errors', jsonb_build_array(jsonb_build_object(
                    'pointer', '/parent_ids', 'rule', 'depth',
                    'message', 'lie over 100 deep in one import')))::text)
            ELSE jsonb_build_object(
                'sqlstate', 'PL012',
                'message', CASE
                    WHEN import_line.depth = -1
                        THEN
                            'It lies below a cycle of parents among the lines of this import: '
                            'when that one is mended it goes in.'
                    ELSE 'Its parents run in a cycle among the lines of this import.'
                END,
                'detail', jsonb_build_object('errors', jsonb_build_array(jsonb_build_object(
                    'pointer', '/parent_ids', 'rule', 'acyclic',
                    'message', CASE
                        WHEN import_line.depth = -1 THEN 'One of its ancestors is its own.'
                        ELSE 'An entity cannot be among its own ancestors.'
                    END)))::text)
        END
    WHERE
        import_line.tenant_id = app.tenant_id()
        AND import_line.import_id = p_import_id
        AND (import_line.depth IS NULL OR import_line.depth = -1);
END
$$;
COMMENT ON FUNCTION app.import_reject_unplaced(uuid, boolean) IS 'Rejects lines that could not be put below their parents, each with its cause.';

-- What is in a rejected line's way, as far as the caller may see it: the entity that the
-- line is about, and who holds the name, the external id or the code. Of a classification
-- that is not whole, the first field that is not there.
CREATE FUNCTION app.import_explained(p_import_id uuid, p_outcomes app.import_outcome[])
RETURNS SETOF app.import_outcome
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT
    outcome.line,
    outcome.outcome,
    coalesce(outcome.id, entity.id),
    staged.external_id,
    CASE outcome.outcome WHEN 'proposed' THEN '{}' ELSE outcome.problem END
    || jsonb_strip_nulls(jsonb_build_object(
        'kind', staged.kind,
        'existing_id', holder.id,
        'pointer', CASE
            WHEN outcome.problem ->> 'constraint'
                IS DISTINCT FROM 'industry_entity_classified_whole'
                THEN NULL
            WHEN wanted.body ->> 'scheme' IS NULL THEN '/scheme'
            WHEN wanted.body ->> 'code' IS NULL THEN '/code'
            ELSE '/level'
        END))
FROM unnest(p_outcomes) AS outcome
INNER JOIN app.import_line AS staged
    ON
        staged.tenant_id = (SELECT app.tenant_id())
        AND staged.import_id = p_import_id
        AND staged.line = outcome.line
LEFT JOIN LATERAL (
    SELECT base_entity.id, base_entity.document::jsonb AS document
    FROM app.base_entity
    WHERE
        outcome.outcome = 'rejected'
        AND base_entity.tenant_id = (SELECT app.tenant_id())
        AND base_entity.entity_type = staged.kind
        AND base_entity.external_id = staged.external_id
    OFFSET 0
) AS entity ON TRUE
CROSS JOIN LATERAL (
    SELECT coalesce(entity.document, '{}') || coalesce(staged.body, '{}') AS body
) AS wanted
LEFT JOIN LATERAL (
    SELECT named.id
    FROM (
        SELECT app.name_holder(
            staged.kind, app.name_key(wanted.body ->> 'name'),
            (wanted.body ->> 'scheme') || ' ' || (wanted.body ->> 'level'), entity.id
        ) AS id
        WHERE outcome.problem ->> 'constraint' = 'base_entity_name_key_key'
    ) AS named
    WHERE named.id IS NOT NULL
    UNION ALL
    SELECT industry_entity.id
    FROM app.industry_entity
    WHERE
        outcome.problem ->> 'constraint' = 'industry_entity_code_key'
        AND industry_entity.tenant_id = (SELECT app.tenant_id())
        AND industry_entity.scheme = wanted.body ->> 'scheme'
        AND industry_entity.code = wanted.body ->> 'code'
    UNION ALL
    SELECT entity.id
    WHERE outcome.problem ->> 'constraint' = 'base_entity_external_id_key'
    LIMIT 1
) AS holder ON TRUE
$$;
COMMENT ON FUNCTION app.import_explained(uuid, app.import_outcome[]) IS 'Adds to outcomes whose lines they are, and to rejected ones what is in their way.';

-- The part of an external id that all ids of one source share: up to the last colon, slash
-- or hash. A longer shared part only means that less is absent.
CREATE FUNCTION app.id_namespace(p_external_id text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(substring(p_external_id FROM '^.*[:/#]'), '');
COMMENT ON FUNCTION app.id_namespace(text) IS 'What an external id has in common with the others of its source; empty without a separator.';

CREATE FUNCTION app.has_dependents(p_id uuid) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (
        SELECT
        FROM app.entity_reference
        WHERE
            entity_reference.tenant_id = app.tenant_id()
            AND entity_reference.target_id = p_id
            AND app.is_in_force((
                SELECT dependent.status FROM app.base_entity AS dependent
                WHERE
                    dependent.tenant_id = app.tenant_id()
                    AND dependent.id = entity_reference.dependent_id
            ))
    );
END
$$;
COMMENT ON FUNCTION app.has_dependents(uuid) IS 'Whether anything in force depends on an entity.';

CREATE FUNCTION app.dependents(p_id uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(to_jsonb(dependent) ORDER BY dependent.id), '[]')
        FROM (
            SELECT
                entity.id, entity.entity_type, entity.name, entity.status,
                entity_reference.relation
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
            ORDER BY entity.id
            LIMIT 20
        ) AS dependent
    );
END
$$;
COMMENT ON FUNCTION app.dependents(uuid) IS 'What in force depends on an entity, twenty at most.';

-- What needs a certification: a document without what may change in force without one, and
-- without what changes by itself. As text: to jsonb 1 equals 1.0, but what is served and
-- hashed would differ.
CREATE FUNCTION app.certified_content(p_document text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
RETURN (
    p_document::jsonb - '{tags,governance_notes,team_id,status,version,updated_at}'::text[]
)::text;
COMMENT ON FUNCTION app.certified_content(text) IS 'What of a document changes only by a certification, comparable as text.';
GRANT EXECUTE ON FUNCTION app.certified_content(text) TO plant_rules, plant_audit;

-- An amendment takes custom attributes as a merge patch, which cannot set a member to null:
-- what a line asks for beyond that would be asked for again by each import.
CREATE FUNCTION app.amendable_body(p_document jsonb, p_body jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
RETURN CASE
    WHEN (p_body -> 'custom_attributes') IS DISTINCT FROM (p_document -> 'custom_attributes')
        AND p_body ? 'custom_attributes'
        THEN p_body || jsonb_build_object('custom_attributes', app.merge_patch(
            p_document -> 'custom_attributes',
            app.merge_difference(
                p_document -> 'custom_attributes', p_body -> 'custom_attributes')))
    ELSE p_body
END;
COMMENT ON FUNCTION app.amendable_body(jsonb, jsonb) IS 'A body with custom attributes as an amendment of the document can bring them about.';

-- The fields of a body that an amendment changes or has changed already; custom attributes
-- are replaced by an import, and kept as their difference from the document.
CREATE FUNCTION app.import_patch(p_document text, p_stored jsonb, p_body jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_document jsonb := p_document;
    v_given jsonb;
    v_patch jsonb;
BEGIN
    SELECT coalesce(jsonb_object_agg(field.key, field.value), '{}') INTO v_given
    FROM jsonb_each(p_body - '{custom_attributes,external_id}'::text[]) AS field
    WHERE
        p_stored ? field.key
        OR app.differs(v_document, jsonb_build_object(field.key, field.value));
    v_patch := app.amendment_patch(p_document, p_stored, v_given);
    IF NOT p_body ? 'custom_attributes' THEN
        RETURN v_patch;
    END IF;
    v_given := app.merge_difference(
        v_document -> 'custom_attributes', p_body -> 'custom_attributes');
    IF v_given = '{}' THEN
        RETURN v_patch - 'custom_attributes';
    END IF;
    RETURN v_patch || jsonb_build_object('custom_attributes', v_given);
END
$$;
COMMENT ON FUNCTION app.import_patch(text, jsonb, jsonb) IS 'The patch of an amendment after an import asked for a body.';

-- Bodies become amendments of their entities: one that is open already and one's own is
-- changed. Locks as single proposals do: the entities, then their amendments.
CREATE FUNCTION app.import_propose(p_ids uuid[], p_bodies jsonb[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_open_ids uuid[];
BEGIN
    PERFORM
    FROM app.base_entity
    WHERE base_entity.tenant_id = app.tenant_id() AND base_entity.id = ANY(p_ids)
    ORDER BY base_entity.id
    FOR NO KEY UPDATE;
    PERFORM
    FROM app.amendment
    WHERE
        amendment.tenant_id = app.tenant_id()
        AND amendment.entity_id = ANY(p_ids)
        AND amendment.status IN ('draft', 'under_review')
    ORDER BY amendment.id
    FOR NO KEY UPDATE;
    -- Statements from here on see what was committed while those waited.
    IF EXISTS (
        SELECT
        FROM app.amendment
        WHERE
            amendment.tenant_id = app.tenant_id()
            AND amendment.entity_id = ANY(p_ids)
            AND (
                amendment.status = 'under_review'
                OR (
                    amendment.status = 'draft'
                    AND amendment.governance_agent_id <> app.governance_agent_id()
                )
            )
    ) THEN
        RAISE EXCEPTION
            'An amendment of it is open that this import may not change: another governance '
            'agent''s, or one that is under review.'
            USING ERRCODE = 'PL022';
    END IF;
    v_open_ids := ARRAY(
        SELECT amendment.entity_id
        FROM app.amendment
        WHERE
            amendment.tenant_id = app.tenant_id()
            AND amendment.entity_id = ANY(p_ids)
            AND amendment.status = 'draft'
    );
    UPDATE app.amendment SET
        base_version = entity.version,
        patch = app.import_patch(entity.document, amendment.patch, line.body)
    FROM unnest(p_ids, p_bodies) AS line (id, body)
    CROSS JOIN LATERAL (
        SELECT base_entity.version, base_entity.document
        FROM app.base_entity
        WHERE base_entity.tenant_id = app.tenant_id() AND base_entity.id = line.id
        OFFSET 0
    ) AS entity
    WHERE
        amendment.tenant_id = app.tenant_id()
        AND amendment.entity_id = ANY(v_open_ids)
        AND amendment.entity_id = line.id
        AND amendment.status = 'draft';
    -- Another governance agent's draft cannot be seen here: amendment_open_key refuses.
    INSERT INTO app.amendment (
        tenant_id, entity_id, entity_type, base_version, patch, governance_agent_id
    )
    SELECT
        app.tenant_id(), line.id, entity.entity_type, entity.version,
        app.import_patch(entity.document, '{}', line.body), app.governance_agent_id()
    FROM unnest(p_ids, p_bodies) AS line (id, body)
    CROSS JOIN LATERAL (
        SELECT base_entity.entity_type, base_entity.version, base_entity.document
        FROM app.base_entity
        WHERE base_entity.tenant_id = app.tenant_id() AND base_entity.id = line.id
        OFFSET 0
    ) AS entity
    WHERE line.id <> ALL(v_open_ids);
END
$$;
COMMENT ON FUNCTION app.import_propose(uuid[], jsonb[]) IS 'Opens amendments of entities in force or changes one''s own open drafts.';

-- As in 0010, and changed content of what is in force becomes an amendment.
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
    v_proposed_ids uuid[];
    v_proposed_bodies jsonb[];
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
            wanted.body || jsonb_build_object('external_id', resolved.external_id) AS body,
            resolved.missing,
            base_entity.id IS NULL AS is_new,
            coalesce(base_entity.id, resolved.entity_id) AS id,
            p_active AND base_entity.status IN ('draft', 'under_review', 'certified')
                AS is_raised,
            base_entity.status = 'archived' AS is_gone,
            base_entity.id IS NOT NULL
            AND app.differs(base_entity.document::jsonb, wanted.body) AS is_changed,
            wanted.is_proposed,
            wanted.is_proposed
            AND amendment.governance_agent_id = app.governance_agent_id()
            AND (
                amendment.status = 'under_review'
                OR amendment.base_version = base_entity.version
            )
            AND NOT app.differs(amendment.document::jsonb, wanted.body) AS is_proposed_already,
            wanted.is_proposed
            AND (
                amendment.governance_agent_id <> app.governance_agent_id()
                OR amendment.status = 'under_review'
            ) AS is_blocked
        FROM resolved
        LEFT JOIN app.base_entity
            ON
                base_entity.tenant_id = (SELECT app.tenant_id())
                AND base_entity.entity_type = p_kind
                AND base_entity.external_id = resolved.external_id
        CROSS JOIN LATERAL (
            SELECT
                amendable.body,
                amendable.is_in_force AND app.differs(
                    base_entity.document::jsonb,
                    amendable.body - '{tags,governance_notes,team_id}'::text[]) AS is_proposed
            FROM (
                SELECT
                    in_force.is_in_force,
                    CASE
                        WHEN in_force.is_in_force
                            THEN app.amendable_body(base_entity.document::jsonb, resolved.body)
                        -- Who changes no parents keeps nobody from changing theirs.
                        WHEN (base_entity.document::jsonb -> 'parent_ids')::text
                            = (resolved.body -> 'parent_ids')::text
                            THEN resolved.body - 'parent_ids'
                        ELSE resolved.body
                    END AS body
                FROM (
                    SELECT
                        NOT p_active AND app.is_in_force(base_entity.status) IS TRUE
                            AS is_in_force
                ) AS in_force
            ) AS amendable
        ) AS wanted
        LEFT JOIN app.amendment
            ON
                wanted.is_proposed
                AND amendment.tenant_id = (SELECT app.tenant_id())
                AND amendment.entity_id = base_entity.id
                AND amendment.status IN ('draft', 'under_review')
    )

    SELECT
        array_agg(matched.id ORDER BY matched.line)
            FILTER (WHERE matched.missing IS NULL AND matched.is_new),
        array_agg(matched.body ORDER BY matched.line)
            FILTER (WHERE matched.missing IS NULL AND matched.is_new),
        array_agg(matched.id ORDER BY matched.line) FILTER (
            WHERE matched.missing IS NULL AND NOT matched.is_new
            AND matched.is_changed AND NOT matched.is_raised
            AND NOT matched.is_proposed AND matched.is_gone IS NOT TRUE),
        array_agg(matched.body ORDER BY matched.line) FILTER (
            WHERE matched.missing IS NULL AND NOT matched.is_new
            AND matched.is_changed AND NOT matched.is_raised
            AND NOT matched.is_proposed AND matched.is_gone IS NOT TRUE),
        array_agg(matched.id ORDER BY matched.line) FILTER (
            WHERE matched.missing IS NULL AND matched.is_proposed
            AND matched.is_proposed_already IS NOT TRUE AND matched.is_blocked IS NOT TRUE),
        array_agg(matched.body ORDER BY matched.line) FILTER (
            WHERE matched.missing IS NULL AND matched.is_proposed
            AND matched.is_proposed_already IS NOT TRUE AND matched.is_blocked IS NOT TRUE),
        array_agg(matched.id ORDER BY matched.line) FILTER (
            WHERE matched.missing IS NULL AND NOT matched.is_new AND matched.is_raised),
        array_agg(matched.body ORDER BY matched.line) FILTER (
            WHERE matched.missing IS NULL AND NOT matched.is_new AND matched.is_raised),
        array_agg(ROW(
            matched.line,
            CASE
                WHEN matched.missing IS NOT NULL OR matched.is_gone THEN 'rejected'
                WHEN matched.is_new THEN 'created'
                WHEN matched.is_proposed_already THEN 'unchanged'
                WHEN matched.is_blocked THEN 'rejected'
                WHEN matched.is_proposed THEN 'proposed'
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
                WHEN matched.is_blocked AND matched.is_proposed_already IS NOT TRUE
                    THEN jsonb_build_object(
                        'sqlstate', 'PL022',
                        'message',
                        'An amendment of it is open that this import may not change: another '
                        'governance agent''s, or one that is under review.')
            END
        )::app.import_outcome ORDER BY matched.line)
    INTO
        v_new_ids, v_new_bodies, v_old_ids, v_old_bodies, v_proposed_ids, v_proposed_bodies,
        v_raised_ids, v_raised_bodies, v_outcomes
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
    IF v_proposed_ids IS NOT NULL THEN
        PERFORM app.import_propose(v_proposed_ids, v_proposed_bodies);
    END IF;
    IF v_raised_ids IS NOT NULL THEN
        PERFORM app.import_amend(p_kind, v_raised_ids, v_raised_bodies, 'active');
    END IF;
    RETURN QUERY SELECT (unnest(v_outcomes)).*;
END
$$;

-- Lines that give what is in the registry other parents than it has. Whoever does so keeps
-- all others of the tenant from it until COMMIT. Ordered by what they say, upper ones first:
-- then no part of them closes a cycle that the whole of them does not have.
CREATE FUNCTION app.import_moves(p_import_id uuid, p_lines bigint[])
RETURNS TABLE (line bigint, depth integer, weight bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
-- What is staged is joined by hashing, whatever is known of how much it is.
SET enable_nestloop = OFF
AS $$
WITH moving AS MATERIALIZED (
    SELECT
        import_line.line,
        import_line.kind,
        import_line.external_id,
        import_line.body -> 'parent_ids' AS parents,
        coalesce(jsonb_array_length(import_line.body -> 'required_skills'), 0)
        + coalesce(jsonb_array_length(import_line.body -> 'skill_ids'), 0) AS links
    FROM unnest(p_lines) AS given (line)
    INNER JOIN app.import_line ON given.line = import_line.line
    CROSS JOIN LATERAL (
        SELECT base_entity.document::jsonb -> 'parent_ids' AS parents
        FROM app.base_entity
        WHERE
            base_entity.tenant_id = (SELECT app.tenant_id())
            AND base_entity.entity_type = import_line.kind
            AND base_entity.external_id = import_line.external_id
        OFFSET 0
    ) AS entity
    CROSS JOIN LATERAL (
        SELECT coalesce(jsonb_agg(parent.id ORDER BY parent.id), '[]') AS parents
        FROM jsonb_array_elements(import_line.body -> 'parent_ids') AS reference (value)
        LEFT JOIN LATERAL (
            SELECT base_entity.id::text AS id
            FROM app.base_entity
            WHERE
                base_entity.tenant_id = (SELECT app.tenant_id())
                AND base_entity.entity_type = import_line.kind
                AND base_entity.external_id = CASE jsonb_typeof(reference.value)
                    WHEN 'object' THEN reference.value ->> 'external_id'
                END
            UNION ALL
            SELECT coalesce(reference.value ->> 'id', reference.value #>> '{}')
            WHERE reference.value ->> 'external_id' IS NULL
            OFFSET 0
        ) AS parent ON TRUE
    ) AS wanted
    WHERE
        import_line.tenant_id = (SELECT app.tenant_id())
        AND import_line.import_id = p_import_id
        AND jsonb_typeof(import_line.body -> 'parent_ids') = 'array'
        AND entity.parents <> wanted.parents
),

referring AS MATERIALIZED (
    SELECT moving.line, moving.kind, reference.external_id
    FROM moving
    CROSS JOIN LATERAL app.referenced_external_ids(moving.parents) AS reference (external_id)
),

tie AS MATERIALIZED (
    SELECT array_agg(referring.line) AS lines, array_agg(moving.line) AS before
    FROM referring
    INNER JOIN moving
        ON referring.kind = moving.kind AND referring.external_id = moving.external_id
),

placed AS MATERIALIZED (
    SELECT found.node AS line, found.level
    FROM tie
    CROSS JOIN LATERAL app.levels(tie.lines, tie.before) AS found
)

-- What is in a cycle or below one comes last.
SELECT
    moving.line,
    CASE WHEN placed.line IS NULL THEN 0 ELSE coalesce(placed.level, 2147483647) END,
    10 + moving.links / 5
FROM moving
LEFT JOIN placed ON moving.line = placed.line
$$;
COMMENT ON FUNCTION app.import_moves(uuid, bigint[]) IS 'Lines that change parents, how deep each lies below others of them, and what it weighs: a chunk takes 500.';

GRANT SELECT ON app.entity_reference TO plant_writer;
GRANT EXECUTE ON FUNCTION
app.import_reject_unplaced(uuid, boolean), app.import_moves(uuid, bigint[]),
app.import_explained(uuid, app.import_outcome[]), app.id_namespace(text),
app.has_dependents(uuid), app.dependents(uuid), app.amendable_body(jsonb, jsonb),
app.import_patch(text, jsonb, jsonb), app.import_propose(uuid[], jsonb[])
TO plant_writer;

-- An import of one line counts nothing but the lines themselves. Columns that no plan looks
-- at stay out: texts and lists of texts take four fifths of the time.
CREATE FUNCTION app.import_analyse_lines() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    ANALYZE (SKIP_LOCKED) app.import_line (
        tenant_id, import_id, line, governance_agent_id, kind, external_id, entity_id, depth,
        family, chunk
    );
END
$$;
COMMENT ON FUNCTION app.import_analyse_lines() IS 'Renews the statistics of staged lines, before they are arranged.';

-- A plan that was made while a table was empty takes any index that begins with the tenant,
-- and stays until statistics change. So a large import asks before each chunk, and those
-- tables of its kind are counted anew that have more than doubled since they were counted
-- last: each some twenty times on its way to a terabyte, and none where the import is small
-- against what is there. A few pages are read whole as quickly as by any index.
CREATE FUNCTION app.import_analyse_kind(p_kind text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_table record;
    v_count bigint := 0;
BEGIN
    FOR v_table IN
        SELECT filled.table_name, filled.columns
        FROM (VALUES
            (
                'base_entity',
                'tenant_id, id, entity_type, external_id, name_key, name_scope, status, '
                'governance_agent_id, private_to',
                p_kind
            ),
            ('entity_parent', 'tenant_id, entity_id, parent_id, entity_type', p_kind),
            ('entity_tag', 'tenant_id, entity_id, entity_type, tag', p_kind),
            ('amendment', 'tenant_id, id, entity_id, status, base_version', p_kind),
            ('industry_entity', 'tenant_id, id, scheme, code', 'industry'),
            ('skill_entity', 'tenant_id, id, category', 'skill'),
            ('job_role_entity', 'tenant_id, id, industry_id', 'job_role'),
            ('job_role_skill', 'tenant_id, job_role_id, skill_id', 'job_role'),
            ('team_entity', 'tenant_id, id, job_role_id, industry_id', 'team'),
            -- As active, agents and their teams share chunks.
            ('team_entity', 'tenant_id, id, job_role_id, industry_id', 'agent'),
            ('agent_entity', 'tenant_id, id, job_role_id, industry_id, team_id', 'agent'),
            ('agent_skill', 'tenant_id, agent_id, skill_id', 'agent')
        ) AS filled (table_name, columns, kind)
        INNER JOIN pg_catalog.pg_class
            ON
                pg_class.relnamespace = 'app'::regnamespace
                AND pg_class.relname = filled.table_name
        CROSS JOIN LATERAL (
            SELECT pg_relation_size(pg_class.oid) / current_setting('block_size')::integer
                AS pages
        ) AS now
        WHERE filled.kind = p_kind AND now.pages > 2 * pg_class.relpages + 15
    LOOP
        -- Names of this function. SKIP_LOCKED: whoever is at it already does as well.
        EXECUTE format(
            'ANALYZE (SKIP_LOCKED) app.%I (%s)', v_table.table_name, v_table.columns);
        v_count := v_count + 1;
    END LOOP;
    RETURN v_count;
END
$$;
COMMENT ON FUNCTION app.import_analyse_kind(text) IS 'Renews the statistics of what an import of a kind fills and has more than doubled; returns of how many tables.';

-- As in 0010, and rejected lines say what is in their way. p_keep: of each line stays whose
-- it was, for what is absent to be found at the end.
CREATE FUNCTION app.import_apply(
    p_import_id uuid, p_chunk bigint, p_active boolean, p_keep boolean
)
RETURNS SETOF app.import_outcome
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- Another import of the tenant may hold the lock on parents for as long as a chunk takes.
SET lock_timeout = '60s'
AS $$
DECLARE
    v_lines bigint[];
    v_outcomes app.import_outcome[];
BEGIN
    SELECT
        coalesce(
            array_agg(import_line.line ORDER BY import_line.line)
                FILTER (WHERE import_line.body IS NOT NULL),
            '{}'),
        array_agg(
            ROW(
                import_line.line, 'rejected', NULL, NULL, import_line.problem
            )::app.import_outcome
        ) FILTER (WHERE import_line.problem IS NOT NULL)
    INTO v_lines, v_outcomes
    FROM app.import_line
    WHERE
        import_line.tenant_id = app.tenant_id()
        AND import_line.import_id = p_import_id
        AND import_line.chunk = p_chunk;
    -- Statistics are renewed between chunks, not inside one (app.renew_statistics).
    PERFORM set_config('app.importing', 'yes', TRUE);
    -- Before any row, as single writes do; what is new has nobody below it to lock for.
    IF EXISTS (SELECT FROM app.import_moves(p_import_id, v_lines) AS move) THEN
        PERFORM pg_advisory_xact_lock(
            hashtextextended('plant parents ' || app.tenant_id(), 0));
    END IF;
    v_outcomes := v_outcomes || ARRAY(
        SELECT turned FROM app.import_turns(p_import_id, v_lines, p_active) AS turned);
    PERFORM set_config('app.importing', '', TRUE);
    v_outcomes := ARRAY(
        SELECT explained FROM app.import_explained(p_import_id, v_outcomes) AS explained);
    IF p_keep THEN
        UPDATE app.import_line SET chunk = NULL, body = '{}', problem = NULL
        WHERE
            import_line.tenant_id = app.tenant_id()
            AND import_line.import_id = p_import_id
            AND import_line.chunk = p_chunk;
    ELSE
        DELETE FROM app.import_line
        WHERE
            import_line.tenant_id = app.tenant_id()
            AND import_line.import_id = p_import_id
            AND import_line.chunk = p_chunk;
    END IF;
    RETURN QUERY SELECT (unnest(v_outcomes)).*;
END
$$;
COMMENT ON FUNCTION app.import_apply(uuid, bigint, boolean, boolean) IS 'Applies one chunk of an import; one outcome per line.';

-- What is in the registry and not in the files. Staged as well, in a chunk of its own, with
-- numbers that no line has.
--
-- Of each kind that occurs, what shares its namespace with a line: entities of another
-- source in the same tenant are none of this import's business. Of industries moreover what
-- is of a scheme that occurs. What came after the import began may be another's work in
-- progress, and what this caller may not see does not exist for it.
CREATE FUNCTION app.import_find_absent(p_import_id uuid, p_begun_at timestamptz)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    WITH occurring AS MATERIALIZED (
        SELECT DISTINCT
            base_entity.entity_type, app.id_namespace(base_entity.external_id) AS namespace,
            industry_entity.scheme
        FROM app.import_line
        INNER JOIN app.base_entity
            ON
                base_entity.tenant_id = (SELECT app.tenant_id())
                AND base_entity.entity_type = import_line.kind
                AND base_entity.external_id = import_line.external_id
        LEFT JOIN app.industry_entity
            ON
                industry_entity.tenant_id = (SELECT app.tenant_id())
                AND industry_entity.id = base_entity.id
        WHERE
            import_line.tenant_id = (SELECT app.tenant_id())
            AND import_line.import_id = p_import_id
    )

    INSERT INTO app.import_line (
        tenant_id, import_id, line, governance_agent_id, kind, external_id, entity_id, body,
        chunk
    )
    SELECT
        app.tenant_id(), p_import_id, -row_number() OVER (ORDER BY base_entity.id DESC),
        app.governance_agent_id(), base_entity.entity_type, base_entity.external_id,
        base_entity.id, '{}', 0
    FROM app.base_entity
    LEFT JOIN app.industry_entity
        ON
            industry_entity.tenant_id = (SELECT app.tenant_id())
            AND industry_entity.id = base_entity.id
    WHERE
        base_entity.tenant_id = (SELECT app.tenant_id())
        AND base_entity.entity_type IN (SELECT occurring.entity_type FROM occurring)
        AND base_entity.external_id IS NOT NULL
        AND base_entity.status <> 'archived'
        AND base_entity.created_at < p_begun_at
        AND EXISTS (
            SELECT
            FROM occurring
            WHERE
                occurring.entity_type = base_entity.entity_type
                AND occurring.namespace = app.id_namespace(base_entity.external_id)
                AND occurring.scheme IS NOT DISTINCT FROM industry_entity.scheme
        )
        AND NOT EXISTS (
            SELECT
            FROM app.import_line
            WHERE
                import_line.tenant_id = (SELECT app.tenant_id())
                AND import_line.import_id = p_import_id
                AND import_line.kind = base_entity.entity_type
                AND import_line.external_id = base_entity.external_id
        );
    RETURN (
        SELECT count(*)
        FROM app.import_line
        WHERE
            import_line.tenant_id = app.tenant_id()
            AND import_line.import_id = p_import_id
            AND num_nulls(import_line.kind, import_line.external_id) > 0
    );
END
$$;
COMMENT ON FUNCTION app.import_find_absent(uuid, timestamptz) IS 'Stages what no line of an import is about; returns of how many lines nobody knows whose they are.';

-- Archives lines of absent entities, each with its entry; halves a set until who is in the
-- way stands alone, and notes why. Returns the lines that are done.
CREATE FUNCTION app.import_archive_try(p_import_id uuid, p_lines bigint[])
RETURNS SETOF bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_ids uuid[] := ARRAY(
        SELECT import_line.entity_id
        FROM app.import_line
        WHERE
            import_line.tenant_id = app.tenant_id()
            AND import_line.import_id = p_import_id
            AND import_line.line = ANY(p_lines)
    );
    v_archived uuid[];
    v_state text;
    v_constraint text;
    v_column text;
    v_message text;
    v_detail text;
    v_problem jsonb;
    v_half integer := cardinality(p_lines) / 2;
BEGIN
    IF cardinality(p_lines) = 0 THEN
        RETURN;
    END IF;
    BEGIN
        -- In id order, as who refers to them locks them.
        PERFORM
        FROM app.base_entity
        WHERE base_entity.tenant_id = app.tenant_id() AND base_entity.id = ANY(v_ids)
        ORDER BY base_entity.id
        FOR NO KEY UPDATE;
        WITH archived AS (
            UPDATE app.base_entity SET status = 'archived'
            WHERE
                base_entity.tenant_id = app.tenant_id()
                AND base_entity.id = ANY(v_ids)
                AND base_entity.status <> 'archived'
            RETURNING base_entity.id
        )

        SELECT array_agg(archived.id) INTO v_archived
        FROM archived;
        RETURN QUERY
            SELECT import_line.line
            FROM app.import_line
            WHERE
                import_line.tenant_id = app.tenant_id()
                AND import_line.import_id = p_import_id
                AND import_line.line = ANY(p_lines)
                AND import_line.entity_id = ANY(v_archived);
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

    IF cardinality(p_lines) > 1 THEN
        RETURN QUERY SELECT app.import_archive_try(p_import_id, p_lines[1:v_half]);
        RETURN QUERY SELECT app.import_archive_try(p_import_id, p_lines[v_half + 1:]);
        RETURN;
    END IF;
    UPDATE app.import_line SET body = NULL, problem = v_problem
    WHERE
        import_line.tenant_id = app.tenant_id()
        AND import_line.import_id = p_import_id
        AND import_line.line = p_lines[1];
END
$$;
COMMENT ON FUNCTION app.import_archive_try(uuid, bigint[]) IS 'Archives absent entities; returns the lines of those that are archived.';

-- The next page of absent entities of a kind: those on which nothing in force depends are
-- archived. The others wait: what depends on them may be on another page.
CREATE FUNCTION app.import_archive(p_import_id uuid, p_kind text, p_after bigint)
RETURNS SETOF app.import_outcome
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '60s'
AS $$
DECLARE
    v_page bigint[];
    v_free bigint[];
    v_archived bigint[];
BEGIN
    v_page := ARRAY(
        SELECT import_line.line
        FROM app.import_line
        WHERE
            import_line.tenant_id = app.tenant_id()
            AND import_line.import_id = p_import_id
            AND import_line.chunk = 0
            AND import_line.kind = p_kind
            AND import_line.line < p_after
            AND import_line.problem IS NULL
        ORDER BY import_line.line DESC
        LIMIT 500
    );
    v_free := ARRAY(
        SELECT import_line.line
        FROM app.import_line
        WHERE
            import_line.tenant_id = app.tenant_id()
            AND import_line.import_id = p_import_id
            AND import_line.line = ANY(v_page)
            AND NOT app.has_dependents(import_line.entity_id)
    );
    PERFORM set_config('app.step_reason', 'It was in no line of an import.', TRUE);
    v_archived := ARRAY(SELECT app.import_archive_try(p_import_id, v_free));
    PERFORM set_config('app.step_reason', '', TRUE);
    RETURN QUERY
        WITH removed AS (
            DELETE FROM app.import_line
            WHERE
                import_line.tenant_id = app.tenant_id()
                AND import_line.import_id = p_import_id
                AND import_line.line = ANY(v_archived)
            RETURNING import_line.line, import_line.entity_id, import_line.external_id
        )

        SELECT
            page.line,
            CASE WHEN removed.line IS NULL THEN 'waiting' ELSE 'archived' END,
            removed.entity_id,
            removed.external_id,
            NULL::jsonb
        FROM unnest(v_page) AS page (line)
        LEFT JOIN removed ON page.line = removed.line;
END
$$;
COMMENT ON FUNCTION app.import_archive(uuid, text, bigint) IS 'Archives those of a page of absent entities on which nothing in force depends.';

-- The next page of what is absent and was not archived, with what depends on it when it was
-- to be. What has gone or was hidden since it was found is absent no longer.
CREATE FUNCTION app.import_take_absent(p_import_id uuid, p_dependents boolean)
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
                        'detail', jsonb_build_object(
                            'dependents', app.dependents(removed.entity_id))::text))
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
COMMENT ON FUNCTION app.import_take_absent(uuid, boolean) IS 'Takes the next page of absent entities; no row when none is left.';

GRANT EXECUTE ON FUNCTION
app.import_analyse_lines(), app.import_analyse_kind(text),
app.import_apply(uuid, bigint, boolean, boolean),
app.import_find_absent(uuid, timestamptz), app.import_archive(uuid, text, bigint),
app.import_take_absent(uuid, boolean)
TO plant_app;
GRANT EXECUTE ON FUNCTION app.import_archive_try(uuid, bigint[]) TO plant_writer;
GRANT CREATE ON SCHEMA app TO plant_writer;
ALTER FUNCTION app.import_analyse_lines() OWNER TO plant_writer;
ALTER FUNCTION app.import_analyse_kind(text) OWNER TO plant_writer;
ALTER FUNCTION app.import_apply(uuid, bigint, boolean, boolean) OWNER TO plant_writer;
ALTER FUNCTION app.import_find_absent(uuid, timestamptz) OWNER TO plant_writer;
ALTER FUNCTION app.import_archive(uuid, text, bigint) OWNER TO plant_writer;
ALTER FUNCTION app.import_take_absent(uuid, boolean) OWNER TO plant_writer;

-- Two functions of plant_writer's: only an owner replaces one, and the rights of this owner
-- are not inherited.
SET LOCAL ROLE plant_writer;

-- As in 0013, but for what becomes of lines that have no place, the kind of chunks, and lines
-- that change parents: fifty of them make a chunk, so that others get their turn in between.
CREATE OR REPLACE FUNCTION app.import_arrange(p_import_id uuid, p_active boolean)
RETURNS TABLE (chunk bigint, kind text, lines bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = OFF
AS $$
#variable_conflict use_column
DECLARE
    v_tenant_id uuid := app.tenant_id();
BEGIN
    -- One file says one thing of an entity: otherwise repeating it would change the entity
    -- from what the last line says to what the first says and back, each time.
    UPDATE app.import_line SET
        body = NULL,
        -- In words where it is known what a person calls that line: it may be one of several files.
        problem = jsonb_build_object('sqlstate', 'PL009', 'first_line', earlier.line)
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
    PERFORM app.import_reject_unplaced(p_import_id, app.import_depths(p_import_id));
    IF p_active THEN
        PERFORM app.import_families(p_import_id);
    END IF;

    WITH waiting AS MATERIALIZED (
        SELECT wait.line, wait.level FROM app.import_waits(p_import_id) AS wait
    ),

    moving AS MATERIALIZED (
        SELECT move.line, move.depth, move.weight
        FROM app.import_moves(p_import_id, ARRAY(
            SELECT import_line.line
            FROM app.import_line
            WHERE
                import_line.tenant_id = v_tenant_id
                AND import_line.import_id = p_import_id
                AND import_line.body ? 'parent_ids'
        )) AS move
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
            max(coalesce(moving.depth, 0)) OVER (PARTITION BY ranked.family) AS move,
            coalesce(moving.weight, 1) AS weight,
            dense_rank() OVER (
                ORDER BY ranked.occurrence, ranked.kind_rank, ranked.depth
            ) AS level
        FROM ranked
        LEFT JOIN waiting ON ranked.line = waiting.line
        LEFT JOIN moving ON ranked.line = moving.line
    ),

    numbered AS (
        SELECT
            levelled.*,
            -- What comes before it in its level.
            sum(levelled.weight) OVER (
                PARTITION BY levelled.level
                ORDER BY levelled.wait, levelled.move, levelled.first_line, levelled.line
            ) - levelled.weight AS place
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
                ORDER BY numbered.level, div(numbered.first_place, 500)
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
        SELECT
            import_line.chunk,
            min(import_line.kind) FILTER (WHERE import_line.body IS NOT NULL),
            count(*)
        FROM app.import_line
        WHERE
            import_line.tenant_id = v_tenant_id AND import_line.import_id = p_import_id
        GROUP BY import_line.chunk
        ORDER BY import_line.chunk;
END
$$;

-- As the release before calls it: to that a proposal is a change like any other.
CREATE OR REPLACE FUNCTION app.import_apply(p_import_id uuid, p_chunk bigint, p_active boolean)
RETURNS SETOF app.import_outcome
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT
    applied.line,
    CASE applied.outcome WHEN 'proposed' THEN 'amended' ELSE applied.outcome END,
    applied.id,
    applied.external_id,
    CASE WHEN applied.outcome <> 'proposed' THEN applied.problem END
FROM app.import_apply(p_import_id, p_chunk, p_active, FALSE) AS applied
$$;

-- The triggers of app.base_entity, as in 0015 but for imports as active.
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
    v_differs boolean;
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
    v_differs := OLD.status <> 'draft'
        AND app.certified_content(NEW.document) <> app.certified_content(OLD.document);
    IF v_differs
        -- An import as active writes and certifies at once: the status stays, or what was
        -- certified becomes active.
        AND app.certifier_key_id() IS NOT NULL
        AND (OLD.status, NEW.status) IN (
            ('certified', 'active'), ('active', 'active'), ('deprecated', 'deprecated')
        )
    THEN
        v_certifier := app.certifier_id();
        IF v_certifier IS NULL THEN
            RAISE EXCEPTION 'Certifying needs a valid second key with scope certify.'
                USING ERRCODE = 'PL007', DETAIL = '{"required_scope": "certify"}';
        END IF;
        PERFORM app.require_other_author(
            NEW.tenant_id, NEW.id, v_certifier, app.governance_agent_id());
        PERFORM app.require_rules(NEW);
    ELSIF v_differs THEN
        RAISE EXCEPTION '%', CASE OLD.status
                WHEN 'under_review' THEN 'It is under review: its content changes only in draft.'
                ELSE 'The content of an entity that is ' || OLD.status
                    || ' changes only by an amendment.'
            END
            USING ERRCODE = 'PL004', DETAIL = jsonb_build_object(
                'current_status', OLD.status,
                'errors', (
                    SELECT jsonb_agg(jsonb_build_object(
                        'pointer', '/' || replace(field.key, '_sha256', '_384'),
                        'rule', 'immutable',
                        'message', CASE OLD.status
                            WHEN 'under_review' THEN 'changes only in draft'
                            ELSE 'changes only by an amendment'
                        END) ORDER BY field.key)
                    FROM jsonb_each(NEW.document::jsonb - v_operational) AS field
                    WHERE
                        field.value::text
                        IS DISTINCT FROM (OLD.document::jsonb -> field.key)::text
                ))::text;
    END IF;
    IF NEW.status <> OLD.status THEN
        IF v_certifier IS NOT NULL THEN
            IF 'write' <> ALL(v_scopes) THEN
                RAISE EXCEPTION 'An import needs a key with scope write.'
                    USING ERRCODE = 'PL007', DETAIL = '{"required_scope": "write"}';
            END IF;
            PERFORM app.require_other_author(
                NEW.tenant_id, NEW.id, v_certifier, app.governance_agent_id());
            PERFORM app.require_rules(NEW);
        ELSIF (NEW.document::jsonb - v_of_step)::text
            <> (OLD.document::jsonb - v_of_step)::text
        THEN
            -- An entry says submit or certify: it hides no change of notes or tags.
            RAISE EXCEPTION 'A step changes nothing but the state.' USING ERRCODE = 'PL013';
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
    IF app.certifier_key_id() IS NOT NULL AND (CASE
        WHEN tg_op = 'INSERT' THEN NEW.status = 'active'
        WHEN NEW.status <> OLD.status THEN NEW.status = 'active'
        -- The guard has let it through: the content is replaced, the status stays.
        ELSE
            app.is_in_force(OLD.status)
            AND app.certified_content(NEW.document) <> app.certified_content(OLD.document)
            AND NOT EXISTS (
                SELECT FROM app.amendment
                WHERE
                    amendment.tenant_id = OLD.tenant_id
                    AND amendment.entity_id = OLD.id
                    AND amendment.base_version = OLD.version
                    AND amendment.status = 'certified'
            )
    END) THEN
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
