-- Search: which entities one is about, how labels are compared, and what is taken for the same.
-- depends: 0028.embedding
--
-- The functions are one SELECT each without settings of its own, so that they become part of the
-- statement that calls them. An empty array asks for nothing; kinds and states are always given.

-- Whether one entity is among those that a search is about. OFFSET 0 keeps it a look-up of the
-- row that asks, whatever else is planned around it.
CREATE FUNCTION app.search_admits(
    p_id uuid,
    p_kinds text[],
    p_statuses text[],
    p_categories text[],
    p_tags text[],
    p_industry_ids uuid[]
)
RETURNS TABLE (id uuid)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT base.id
FROM app.base_entity AS base
WHERE
    base.id = $1
    AND base.entity_type = any($2)
    AND base.status = any($3)
    AND (
        cardinality($4) = 0
        OR EXISTS (
            SELECT
            FROM app.skill_entity AS skill
            WHERE
                skill.id = base.id
                AND skill.category = any($4)
        )
    )
    AND (
        cardinality($5) = 0
        OR EXISTS (
            SELECT
            FROM app.entity_tag AS tagged
            WHERE
                tagged.entity_id = base.id
                AND tagged.tag = any($5)
        )
    )
    AND (
        cardinality($6) = 0
        OR EXISTS (
            SELECT
            FROM app.job_role_entity AS job_role
            WHERE
                job_role.id = base.id
                AND job_role.industry_id = any($6)
        )
        OR EXISTS (
            SELECT
            FROM app.team_entity AS team
            WHERE
                team.id = base.id
                AND team.industry_id = any($6)
        )
        OR EXISTS (
            SELECT
            FROM app.agent_entity AS agent
            WHERE
                agent.id = base.id
                AND agent.industry_id = any($6)
        )
    )
ORDER BY base.id ASC
OFFSET 0;
END;
COMMENT ON FUNCTION app.search_admits(uuid, text[], text[], text[], text[], uuid[]) IS 'The id if the entity meets every filter of a search.';
GRANT EXECUTE ON FUNCTION app.search_admits(uuid, text[], text[], text[], text[], uuid[])
TO plant_app, plant_readonly;

-- All of them, each once. One filter drives, by its own index: a tag, else a category, else an
-- industry, else kind and state; the others are asked of what it finds. Conditions on the arrays
-- alone are asked once, and what they switch off costs nothing.
CREATE FUNCTION app.search_candidates(
    p_kinds text[],
    p_statuses text[],
    p_categories text[],
    p_tags text[],
    p_industry_ids uuid[]
)
RETURNS TABLE (id uuid)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT admitted.id
FROM (
    SELECT DISTINCT tagged.entity_id AS id
    FROM app.entity_tag AS tagged
    WHERE
        cardinality($4) > 0
        AND tagged.entity_type = any($1)
        AND tagged.tag = any($4)
) AS driving
CROSS JOIN
    LATERAL app.search_admits(driving.id, $1, $2, $3, '{}'::text[], $5) AS admitted
UNION ALL
SELECT admitted.id
FROM app.skill_entity AS driving
CROSS JOIN
    LATERAL app.search_admits(
        driving.id, $1, $2, '{}'::text[], '{}'::text[], $5
    ) AS admitted
WHERE
    cardinality($4) = 0
    AND cardinality($3) > 0
    AND driving.category = any($3)
UNION ALL
SELECT admitted.id
FROM (
    SELECT job_role.id
    FROM app.job_role_entity AS job_role
    WHERE
        cardinality($4) = 0
        AND cardinality($3) = 0
        AND cardinality($5) > 0
        AND job_role.industry_id = any($5)
    UNION ALL
    SELECT team.id
    FROM app.team_entity AS team
    WHERE
        cardinality($4) = 0
        AND cardinality($3) = 0
        AND cardinality($5) > 0
        AND team.industry_id = any($5)
    UNION ALL
    SELECT agent.id
    FROM app.agent_entity AS agent
    WHERE
        cardinality($4) = 0
        AND cardinality($3) = 0
        AND cardinality($5) > 0
        AND agent.industry_id = any($5)
) AS driving
CROSS JOIN
    LATERAL app.search_admits(
        driving.id, $1, $2, '{}'::text[], '{}'::text[], '{}'::uuid[]
    ) AS admitted
UNION ALL
SELECT base.id
FROM app.base_entity AS base
WHERE
    cardinality($3) = 0
    AND cardinality($4) = 0
    AND cardinality($5) = 0
    AND base.entity_type = any($1)
    AND base.status = any($2);
END;
COMMENT ON FUNCTION app.search_candidates(text[], text[], text[], text[], uuid[]) IS 'The ids of all entities that meet every filter of a search.';
GRANT EXECUTE ON FUNCTION app.search_candidates(text[], text[], text[], text[], uuid[])
TO plant_app, plant_readonly;

-- A label's own vector is compared where it is of one of the models, its words always. OFFSET 0
-- keeps each of the two from being computed once for the order and once more for the answer.
CREATE FUNCTION app.label_likeness(
    p_embedder text,
    p_embedding public.vector,
    p_lexical public.vector,
    p_models text[],
    p_asked_embedding public.vector,
    p_asked_lexical public.vector
)
RETURNS TABLE (vector double precision, lexical double precision)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT
    CASE WHEN $1 = any($4) THEN 1 - ($2 OPERATOR (public.<=>) $5) END AS vector,
    1 - ($3 OPERATOR (public.<=>) $6) AS lexical
WHERE TRUE
OFFSET 0; -- noqa: AM09
END;
COMMENT ON FUNCTION app.label_likeness(text, public.vector, public.vector, text[], public.vector, public.vector) IS 'The cosines of what a label means and of its characters with what is asked for; NULL: not compared.';
GRANT EXECUTE ON FUNCTION app.label_likeness(
    text, public.vector, public.vector, text[], public.vector, public.vector
) TO plant_app, plant_readonly;

-- How near two entities have to be to be taken for the same.
ALTER TABLE app.tenant ADD COLUMN similar_min real
CONSTRAINT tenant_similar_min_range CHECK (similar_min BETWEEN -1 AND 1);
-- As for texts (0019): estimates would tell what other tenants chose.
ALTER TABLE app.tenant ALTER COLUMN similar_min SET STATISTICS 0;
COMMENT ON COLUMN app.tenant.similar_min IS 'The least score of what is taken for the same; NULL: the service''s own.';
