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
REVOKE CREATE ON SCHEMA app FROM plant_writer;
DROP FUNCTION app.import_take_absent(uuid, boolean);
DROP FUNCTION app.import_archive(uuid, text, bigint);
DROP FUNCTION app.import_archive_try(uuid, bigint[]);
DROP FUNCTION app.import_find_absent(uuid, timestamptz);
DROP FUNCTION app.import_analyse_kind(text);
DROP FUNCTION app.import_analyse_lines();
DROP FUNCTION app.import_apply(uuid, bigint, boolean, boolean);
DROP FUNCTION app.dependents(uuid);
DROP FUNCTION app.has_dependents(uuid);
DROP FUNCTION app.id_namespace(text);
REVOKE SELECT ON app.entity_reference FROM plant_writer;
DROP FUNCTION app.import_explained(uuid, app.import_outcome[]);
DROP FUNCTION app.import_reject_unplaced(uuid, boolean);
REVOKE EXECUTE ON FUNCTION app.name_key(text) FROM plant_writer;
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
