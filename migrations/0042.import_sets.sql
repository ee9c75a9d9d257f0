-- Imports ask for all lines at once whether what they want is another's.
-- depends: 0041.references_given
--
-- One call for each line, twice, and in each a plan made anew was half of what an import took.

-- Of entities as given, element by element, those that another one keeps from having what is
-- unique, whoever may see that one: the constraint that writing it would meet first. What is
-- unique of a kind stands in its own row, which is written before the base row, and there indexes
-- are asked in the order of their making. Each is looked up between itself and itself, in the
-- order of the index that is meant, without sorting: of an equality, any index that begins with
-- tenant and kind seems as good where the tenant had few rows when they were counted.
CREATE FUNCTION app.taken_among(
    p_kinds text[], p_ids uuid[], p_external_ids text[], p_name_keys text[],
    p_name_scopes text[], p_schemes text[], p_codes text[]
) RETURNS TABLE (nth bigint, constraint_name text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = OFF
SET enable_sort = OFF
AS $$
SELECT found.nth, found.constraint_name
FROM (
    SELECT
        given.nth,
        CASE
            WHEN given.kind = 'industry' AND (
                SELECT industry_entity.id
                FROM app.industry_entity
                WHERE
                    industry_entity.tenant_id = (SELECT app.tenant_id())
                    AND industry_entity.scheme = given.scheme
                    AND industry_entity.code BETWEEN given.code AND given.code
                    AND industry_entity.id IS DISTINCT FROM given.id
                ORDER BY industry_entity.code ASC
                LIMIT 1
            ) IS NOT NULL THEN 'industry_entity_code_key'
            WHEN given.id IS NULL AND (
                SELECT base_entity.id
                FROM app.base_entity
                WHERE
                    base_entity.tenant_id = (SELECT app.tenant_id())
                    AND base_entity.entity_type = given.kind
                    AND base_entity.external_id BETWEEN given.external_id AND given.external_id
                    -- What the caller sees it would change.
                    AND base_entity.private_to <> (SELECT app.governance_agent_id())
                ORDER BY base_entity.external_id ASC
                LIMIT 1
            ) IS NOT NULL THEN 'base_entity_external_id_key'
            WHEN (
                SELECT base_entity.id
                FROM app.base_entity
                WHERE
                    base_entity.tenant_id = (SELECT app.tenant_id())
                    AND base_entity.entity_type = given.kind
                    AND base_entity.name_key BETWEEN given.name_key AND given.name_key
                    AND base_entity.name_scope IS NOT DISTINCT FROM given.name_scope
                    AND base_entity.status <> 'archived'
                    AND base_entity.id IS DISTINCT FROM given.id
                ORDER BY base_entity.name_key ASC, base_entity.id DESC
                LIMIT 1
            ) IS NOT NULL THEN 'base_entity_name_key_key'
        END AS constraint_name
    FROM
        unnest(
            p_kinds, p_ids, p_external_ids, p_name_keys, p_name_scopes, p_schemes, p_codes
        ) WITH ORDINALITY
            AS given (kind, id, external_id, name_key, name_scope, scheme, code, nth)
    -- Asked once, not once more for the condition.
    OFFSET 0
) AS found
WHERE found.constraint_name IS NOT NULL
$$;
COMMENT ON FUNCTION app.taken_among(text[], uuid[], text[], text[], text[], text[], text[])
IS 'Which of these entities would be refused because another one has what they say, and the constraint.';
GRANT EXECUTE ON FUNCTION
app.taken_among(text[], uuid[], text[], text[], text[], text[], text[])
TO plant_writer;
GRANT CREATE ON SCHEMA app TO plant_rules;
ALTER FUNCTION app.taken_among(text[], uuid[], text[], text[], text[], text[], text[])
OWNER TO plant_rules;
REVOKE CREATE ON SCHEMA app FROM plant_rules;

-- As in 0013, but for all at once. app.taken stays: a chunk that is under way while this is applied
-- still calls it.
CREATE OR REPLACE FUNCTION app.import_taken(p_import_id uuid, p_lines bigint[], p_active boolean)
RETURNS TABLE (line bigint, constraint_name text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT asked.lines[taken.nth], taken.constraint_name
FROM (
    SELECT
        array_agg(said.line) AS lines,
        array_agg(said.kind) AS kinds,
        array_agg(said.entity_id) AS ids,
        array_agg(said.external_id) AS external_ids,
        array_agg(app.name_key(said.name)) AS name_keys,
        array_agg(
            CASE WHEN said.kind = 'industry' THEN said.scheme || ' ' || said.level END
        ) AS name_scopes,
        array_agg(said.scheme) AS schemes,
        array_agg(said.code) AS codes
    FROM app.import_said(p_import_id, p_lines) AS said
    WHERE
        CASE
            WHEN p_active THEN said.team IS NULL
            ELSE app.is_in_force(said.status) IS NOT TRUE
        END
) AS asked
CROSS JOIN LATERAL app.taken_among(
    asked.kinds, asked.ids, asked.external_ids, asked.name_keys, asked.name_scopes,
    asked.schemes, asked.codes
) AS taken
$$;

-- Lines of an import by their numbers, each looked up by its key: between itself and itself, and in
-- the order of the key, without sorting, since of an equality any index of an import seems as good
-- where its lines have not been counted.
CREATE FUNCTION app.import_lines(p_import_id uuid, p_lines bigint[])
RETURNS TABLE (line bigint, kind text, external_id text, entity_id uuid, body jsonb)
LANGUAGE sql STABLE ROWS 500
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = OFF
SET enable_sort = OFF
AS $$
SELECT staged.line, staged.kind, staged.external_id, staged.entity_id, staged.body
FROM unnest(p_lines) AS given (line)
CROSS JOIN LATERAL (
    SELECT
        import_line.line, import_line.kind, import_line.external_id, import_line.entity_id,
        import_line.body
    FROM app.import_line
    WHERE
        import_line.tenant_id = (SELECT app.tenant_id())
        AND import_line.import_id = p_import_id
        AND import_line.line BETWEEN given.line AND given.line
    ORDER BY import_line.line ASC
    LIMIT 1
) AS staged
$$;
COMMENT ON FUNCTION app.import_lines(uuid, bigint[]) IS 'Lines of an import by their numbers.';
GRANT EXECUTE ON FUNCTION app.import_lines(uuid, bigint[]) TO plant_writer;

-- As in 0013 and 0017, but for that look-up, and entities by their external id, one by one. Joined
-- by hashing, all that was staged was read for each chunk: the more the longer the import.
CREATE OR REPLACE FUNCTION app.import_said(p_import_id uuid, p_lines bigint[])
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
FROM app.import_lines(p_import_id, p_lines) AS import_line
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
$$;

CREATE OR REPLACE FUNCTION app.import_parts(p_import_id uuid, p_lines bigint[], p_active boolean)
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
    FROM app.import_lines(p_import_id, p_lines) AS import_line
    LEFT JOIN waiting ON import_line.line = waiting.line
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

CREATE OR REPLACE FUNCTION app.import_needs(p_import_id uuid, p_lines bigint[])
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
    FROM app.import_lines(p_import_id, p_lines) AS import_line
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

CREATE OR REPLACE FUNCTION app.import_moves(p_import_id uuid, p_lines bigint[])
RETURNS TABLE (line bigint, depth integer, weight bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
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
    FROM app.import_lines(p_import_id, p_lines) AS import_line
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
        jsonb_typeof(import_line.body -> 'parent_ids') = 'array'
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
    v_external_ids text[];
    v_entity_ids uuid[];
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
        array_agg(team.entity_id ORDER BY import_line.line),
        array_agg(import_line.external_id ORDER BY import_line.line),
        array_agg(import_line.entity_id ORDER BY import_line.line)
    INTO v_lines, v_bodies, v_team_ids, v_external_ids, v_entity_ids
    FROM app.import_lines(p_import_id, p_lines) AS import_line
    LEFT JOIN app.import_line AS team
        ON
            team.tenant_id = (SELECT app.tenant_id())
            AND team.import_id = p_import_id
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
        import_line.kind = p_kind
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
            v_external_ids[resolution.line] AS external_id,
            v_entity_ids[resolution.line] AS entity_id
        FROM app.resolve_references(p_kind, v_bodies) AS resolution
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
        LEFT JOIN LATERAL (
            SELECT
                base_entity.id, base_entity.document, base_entity.status, base_entity.version
            FROM app.base_entity
            WHERE
                base_entity.tenant_id = (SELECT app.tenant_id())
                AND base_entity.entity_type = p_kind
                AND base_entity.external_id = resolved.external_id
            OFFSET 0
        ) AS base_entity ON TRUE
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
