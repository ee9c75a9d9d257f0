-- Bulk import: lines are staged, arranged into chunks that need nothing from a later
-- chunk, and applied chunk by chunk through the same write functions as single writes.
-- depends: 0009.write_functions

-- Not logged: after a crash the staged lines are gone, and none of them was reported.
CREATE UNLOGGED TABLE app.import_line (
    tenant_id uuid NOT NULL,
    import_id uuid NOT NULL,
    line bigint NOT NULL,
    governance_agent_id uuid NOT NULL,
    kind text,
    external_id text,
    -- the id that it gets when it turns out to be new
    entity_id uuid NOT NULL DEFAULT uuidv7(),
    body jsonb,
    problem jsonb,
    depth integer,
    family text,
    chunk bigint,
    CONSTRAINT import_line_pkey PRIMARY KEY (tenant_id, import_id, line),
    CONSTRAINT import_line_body_or_problem CHECK (num_nulls(body, problem) = 1),
    CONSTRAINT import_line_governance_agent_fkey
        FOREIGN KEY (tenant_id, governance_agent_id)
        REFERENCES app.governance_agent (tenant_id, id)
);
COMMENT ON TABLE app.import_line IS 'Lines of running imports; emptied chunk by chunk.';
CREATE INDEX import_line_chunk_idx ON app.import_line (tenant_id, import_id, chunk);
CREATE INDEX import_line_external_id_idx
ON app.import_line (tenant_id, import_id, kind, external_id);

ALTER TABLE app.import_line ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.import_line FORCE ROW LEVEL SECURITY;
CREATE POLICY import_line_read ON app.import_line FOR SELECT TO plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND governance_agent_id = (SELECT app.governance_agent_id())
);
CREATE POLICY import_line_add ON app.import_line FOR INSERT TO plant_writer
WITH CHECK (
    tenant_id = (SELECT app.tenant_id())
    AND governance_agent_id = (SELECT app.governance_agent_id())
);
CREATE POLICY import_line_edit ON app.import_line FOR UPDATE TO plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND governance_agent_id = (SELECT app.governance_agent_id())
)
WITH CHECK (
    tenant_id = (SELECT app.tenant_id())
    AND governance_agent_id = (SELECT app.governance_agent_id())
);
CREATE POLICY import_line_remove ON app.import_line FOR DELETE TO plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND governance_agent_id = (SELECT app.governance_agent_id())
);
-- MAINTAIN, because app.import_arrange analyses the table it has just filled.
GRANT SELECT, INSERT, UPDATE, DELETE ON app.import_line TO plant_writer;
DO $do$
BEGIN
    GRANT MAINTAIN ON app.import_line TO plant_writer;
END
$do$;

-- p_lines is a JSON array of {"line", "kind", "external_id", "body"} or {"line", "problem"}.
CREATE FUNCTION app.import_stage(p_import_id uuid, p_lines jsonb) RETURNS bigint
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
WITH staged AS (
    INSERT INTO app.import_line (
        tenant_id, import_id, line, governance_agent_id, kind, external_id, body, problem
    )
    SELECT
        app.tenant_id(), p_import_id, given.line, app.governance_agent_id(),
        given.kind, given.external_id, given.body - '{kind,external_id}'::text[], given.problem
    FROM jsonb_to_recordset(p_lines) AS given (
        line bigint, kind text, external_id text, body jsonb, problem jsonb
    )
    RETURNING import_line.line
)

SELECT count(*) FROM staged
$$;
COMMENT ON FUNCTION app.import_stage(uuid, jsonb) IS 'Stages lines of an import; returns how many.';

-- An import holds a lock of its session from its first line to its last. What was staged
-- by an import whose lock is free belongs to nobody any more: its process or connection
-- has ended. It goes with the next import of the same governance agent.
CREATE FUNCTION app.import_lock(p_import_id uuid) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN hashtextextended('plant import ' || p_import_id::text, 0);
COMMENT ON FUNCTION app.import_lock(uuid) IS 'Number of the advisory lock that a running import holds.';

CREATE FUNCTION app.import_begin(p_import_id uuid) RETURNS bigint
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
COMMENT ON FUNCTION app.import_begin(uuid) IS 'Begins an import in this session; returns how many lines of dead ones it removed.';

CREATE FUNCTION app.import_end(p_import_id uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_removed bigint;
BEGIN
    DELETE FROM app.import_line
    WHERE import_line.tenant_id = app.tenant_id() AND import_line.import_id = p_import_id;
    GET DIAGNOSTICS v_removed = ROW_COUNT;
    PERFORM pg_advisory_unlock(app.import_lock(p_import_id));
    RETURN v_removed;
END
$$;
COMMENT ON FUNCTION app.import_end(uuid) IS 'Ends an import: its staged lines go, and its lock.';

-- External ids that a field of a staged body refers to.
CREATE FUNCTION app.referenced_external_ids(p_value jsonb) RETURNS SETOF text
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 2
SET search_path = pg_catalog, pg_temp
AS $$
SELECT item.value ->> 'external_id'
FROM jsonb_array_elements(
    CASE jsonb_typeof(p_value)
        WHEN 'array' THEN p_value
        WHEN 'object' THEN jsonb_build_array(p_value)
        ELSE '[]'
    END
) AS item (value)
WHERE jsonb_typeof(item.value) = 'object' AND item.value ? 'external_id'
$$;
COMMENT ON FUNCTION app.referenced_external_ids(jsonb) IS 'External ids in a reference or a list of references.';

-- Parents that stand in the same import and are not in the registry yet: these have to
-- come first. Of the lines that have no depth yet, or (p_kin) of teams and agents.
CREATE FUNCTION app.import_parent(p_import_id uuid, p_kin boolean)
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
COMMENT ON FUNCTION app.import_parent(uuid, boolean) IS 'Lines, and the lines that must precede them.';

-- A team enters in force only with a member, and a member names its team: with one entry
-- each, both come at once. So a team and its members are a family, families whose lines
-- are parents of each other are one, and a family shares a chunk.
CREATE FUNCTION app.import_families(p_import_id uuid) RETURNS void
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
COMMENT ON FUNCTION app.import_families(uuid) IS 'Says which teams and agents need each other.';

-- Industries, skills, job roles, teams, agents; within a kind parents first; a repeated
-- (kind, external_id) after the line it repeats. As active, teams and agents by families.
CREATE FUNCTION app.import_arrange(p_import_id uuid, p_active boolean)
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

CREATE TYPE app.import_outcome AS (
    line bigint,
    outcome text,
    id uuid,
    external_id text,
    problem jsonb
);
COMMENT ON TYPE app.import_outcome IS 'What became of one line.';
GRANT USAGE ON TYPE app.import_outcome TO plant_app, plant_writer;

-- Whether a body asks for anything that its document does not say yet.
CREATE FUNCTION app.differs(p_document jsonb, p_body jsonb) RETURNS boolean
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
COMMENT ON FUNCTION app.differs(jsonb, jsonb) IS 'Whether applying a resolved body would change the document.';

-- Lines of one kind, written as one set. Raises on the first line that cannot be.
CREATE FUNCTION app.import_write(
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
COMMENT ON FUNCTION app.import_write(uuid, text, bigint[], boolean) IS 'Writes staged lines of one kind as one set.';

CREATE FUNCTION app.import_amend(
    p_kind text, p_ids uuid[], p_bodies jsonb[], p_status text
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_any text[] := array_fill(NULL::text, ARRAY[cardinality(p_ids)]);
BEGIN
    CASE p_kind
        WHEN 'industry' THEN
            PERFORM app.industry_amend(p_ids, v_any, p_bodies, FALSE, p_status);
        WHEN 'skill' THEN
            PERFORM app.skill_amend(p_ids, v_any, p_bodies, FALSE, p_status);
        WHEN 'job_role' THEN
            PERFORM app.job_role_amend(p_ids, v_any, p_bodies, FALSE, p_status);
        WHEN 'team' THEN
            PERFORM app.team_amend(p_ids, v_any, p_bodies, FALSE, p_status);
        WHEN 'agent' THEN
            PERFORM app.agent_amend(p_ids, v_any, p_bodies, FALSE, p_status);
    END CASE;
END
$$;
COMMENT ON FUNCTION app.import_amend(text, uuid[], jsonb[], text) IS 'Amends a set of one kind, whatever its version.';

-- What is kept of an error, NULL for one that no line is to blame for.
CREATE FUNCTION app.import_problem(
    p_state text, p_constraint text, p_column text, p_message text, p_detail text
) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN left(p_state, 2) IN ('22', '23', '54', 'PL') AND p_state NOT IN ('PL011', 'PL007')
        THEN jsonb_build_object(
            'sqlstate', p_state, 'constraint', p_constraint, 'column', p_column,
            'message', p_message, 'detail', CASE WHEN p_state LIKE 'PL%' THEN p_detail END)
END;
COMMENT ON FUNCTION app.import_problem(text, text, text, text, text) IS 'An error as the outcome of a line keeps it.';

-- Writes a set of lines; when one of them cannot be written, halves the set until it
-- stands alone and is rejected with its reason. Families (a team and its new members)
-- are not torn apart before they have to be.
CREATE FUNCTION app.import_try(p_import_id uuid, p_lines bigint[], p_active boolean)
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
COMMENT ON FUNCTION app.import_try(uuid, bigint[], boolean) IS 'Writes lines, rejecting those that cannot be written.';

-- Half of the teams with their members, then the other half, then who has no team here.
CREATE FUNCTION app.import_halves(
    p_import_id uuid, p_lines bigint[], p_teams bigint[], p_active boolean
) RETURNS SETOF app.import_outcome
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_rest bigint[] := p_lines;
    v_part bigint[];
    v_half bigint[];
    v_middle integer := cardinality(p_teams) / 2;
BEGIN
    FOR v_turn IN 1..2 LOOP
        v_half := CASE v_turn
            WHEN 1 THEN p_teams[1:v_middle] ELSE p_teams[v_middle + 1:]
        END;
        SELECT array_agg(import_line.line ORDER BY import_line.line) INTO v_part
        FROM app.import_line
        WHERE
            import_line.tenant_id = app.tenant_id()
            AND import_line.import_id = p_import_id
            AND import_line.line = ANY(p_lines)
            AND (
                import_line.line = ANY(v_half)
                OR (import_line.body #>> '{team_id,external_id}') IN (
                    SELECT team.external_id FROM app.import_line AS team
                    WHERE
                        team.tenant_id = app.tenant_id()
                        AND team.import_id = p_import_id
                        AND team.line = ANY(v_half)
                )
            );
        RETURN QUERY SELECT * FROM app.import_try(p_import_id, v_part, p_active);
        SELECT array_agg(rest.line) INTO v_rest
        FROM unnest(v_rest) AS rest (line)
        WHERE rest.line <> ALL(v_part);
    END LOOP;
    RETURN QUERY SELECT * FROM app.import_try(p_import_id, coalesce(v_rest, '{}'), p_active);
END
$$;
COMMENT ON FUNCTION app.import_halves(uuid, bigint[], bigint[], boolean) IS 'Splits lines between teams, keeping members beside their team.';

-- A team and one member, in that order. When the member can be written and the team
-- cannot, the team's outcome; otherwise, when they cannot, no row.
CREATE FUNCTION app.import_pair(p_import_id uuid, p_lines bigint[], p_active boolean)
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
    v_problem jsonb;
BEGIN
    FOREACH v_kind IN ARRAY '{agent,team}'::text[] LOOP
        SELECT array_agg(written) INTO v_part
        FROM app.import_write(p_import_id, v_kind, p_lines, p_active) AS written;
        v_outcomes := v_part || v_outcomes;
    END LOOP;
    IF 'rejected' IN ((v_outcomes[1]).outcome, (v_outcomes[2]).outcome) THEN
        -- One refers to what is not there. Undo the other.
        RAISE EXCEPTION USING ERRCODE = 'PL005';
    END IF;
    SET CONSTRAINTS ALL IMMEDIATE;
    SET CONSTRAINTS ALL DEFERRED;
    RETURN QUERY SELECT (unnest(v_outcomes)).*;
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS
            v_state = RETURNED_SQLSTATE, v_constraint = CONSTRAINT_NAME,
            v_column = COLUMN_NAME, v_message = MESSAGE_TEXT, v_detail = PG_EXCEPTION_DETAIL;
        v_problem := app.import_problem(v_state, v_constraint, v_column, v_message, v_detail);
        IF v_problem IS NULL THEN
            RAISE;
        END IF;
        IF (v_outcomes[1]).outcome = 'rejected' AND cardinality(v_outcomes) = 2 THEN
            RETURN NEXT v_outcomes[1];
        ELSIF v_kind = 'team' AND (v_outcomes[2]).outcome IS DISTINCT FROM 'rejected' THEN
            RETURN NEXT ROW(
                p_lines[1], 'rejected', NULL, NULL, v_problem
            )::app.import_outcome;
        END IF;
END
$$;
COMMENT ON FUNCTION app.import_pair(uuid, bigint[], boolean) IS 'Writes a team with one member, or neither.';

-- Lines as import_try writes them. A line that was refused for want of another one, which
-- went in after it, gets another turn.
CREATE FUNCTION app.import_turns(p_import_id uuid, p_lines bigint[], p_active boolean)
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
COMMENT ON FUNCTION app.import_turns(uuid, bigint[], boolean) IS 'Writes lines that may need each other, in whatever order they can.';

-- One chunk in one transaction: its lines leave the staging table with their effect.
CREATE FUNCTION app.import_apply(p_import_id uuid, p_chunk bigint, p_active boolean)
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
COMMENT ON FUNCTION app.import_apply(uuid, bigint, boolean) IS 'Applies one chunk of an import; one outcome per line.';

-- A plan that was made while the tables were empty takes any index that begins with the
-- tenant, and stays until statistics change: the importer asks for new ones each time
-- the number of applied chunks has doubled.
CREATE FUNCTION app.import_analyse() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    ANALYZE (SKIP_LOCKED)
        app.import_line, app.base_entity, app.entity_parent, app.entity_tag, app.skill_entity,
        app.industry_entity, app.job_role_entity, app.job_role_skill, app.team_entity,
        app.agent_entity, app.agent_skill;
END
$$;
COMMENT ON FUNCTION app.import_analyse() IS 'Renews the statistics of the tables that an import fills.';
-- Inside DO for the linter, which does not know MAINTAIN yet.
DO $do$
BEGIN
    GRANT MAINTAIN ON
    app.base_entity, app.entity_parent, app.entity_tag, app.skill_entity, app.industry_entity,
    app.job_role_entity, app.job_role_skill, app.team_entity, app.agent_entity, app.agent_skill
    TO plant_writer;
END
$do$;

GRANT EXECUTE ON FUNCTION
app.referenced_external_ids(jsonb), app.import_parent(uuid, boolean),
app.import_families(uuid), app.import_lock(uuid), app.differs(jsonb, jsonb),
app.import_problem(text, text, text, text, text),
app.import_write(uuid, text, bigint[], boolean),
app.import_amend(text, uuid[], jsonb[], text),
app.import_try(uuid, bigint[], boolean),
app.import_halves(uuid, bigint[], bigint[], boolean),
app.import_pair(uuid, bigint[], boolean),
app.import_turns(uuid, bigint[], boolean)
TO plant_writer;
GRANT EXECUTE ON FUNCTION
app.import_begin(uuid), app.import_stage(uuid, jsonb), app.import_arrange(uuid, boolean),
app.import_apply(uuid, bigint, boolean), app.import_end(uuid), app.import_analyse()
TO plant_app;
GRANT CREATE ON SCHEMA app TO plant_writer;
ALTER FUNCTION app.import_stage(uuid, jsonb) OWNER TO plant_writer;
ALTER FUNCTION app.import_begin(uuid) OWNER TO plant_writer;
ALTER FUNCTION app.import_end(uuid) OWNER TO plant_writer;
ALTER FUNCTION app.import_arrange(uuid, boolean) OWNER TO plant_writer;
ALTER FUNCTION app.import_apply(uuid, bigint, boolean) OWNER TO plant_writer;
ALTER FUNCTION app.import_analyse() OWNER TO plant_writer;
REVOKE CREATE ON SCHEMA app FROM plant_writer;
