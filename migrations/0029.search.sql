-- Search: which entities one is about, and from which score on two are taken for the same.
-- depends: 0027.ids_apart
--
-- Both functions are one SELECT without settings of its own, so that they become part of the
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
    AND base.entity_type = ANY($2)
    AND base.status = ANY($3)
    AND (
        cardinality($4) = 0
        OR EXISTS (
            SELECT
            FROM app.skill_entity AS skill
            WHERE
                skill.id = base.id
                AND skill.category = ANY($4)
        )
    )
    AND (
        cardinality($5) = 0
        OR EXISTS (
            SELECT
            FROM app.entity_tag AS tagged
            WHERE
                tagged.entity_id = base.id
                AND tagged.tag = ANY($5)
        )
    )
    AND (
        cardinality($6) = 0
        OR EXISTS (
            SELECT
            FROM app.job_role_entity AS job_role
            WHERE
                job_role.id = base.id
                AND job_role.industry_id = ANY($6)
        )
        OR EXISTS (
            SELECT
            FROM app.team_entity AS team
            WHERE
                team.id = base.id
                AND team.industry_id = ANY($6)
        )
        OR EXISTS (
            SELECT
            FROM app.agent_entity AS agent
            WHERE
                agent.id = base.id
                AND agent.industry_id = ANY($6)
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
        AND tagged.entity_type = ANY($1)
        AND tagged.tag = ANY($4)
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
    AND driving.category = ANY($3)
UNION ALL
SELECT admitted.id
FROM (
    SELECT job_role.id
    FROM app.job_role_entity AS job_role
    WHERE
        cardinality($4) = 0
        AND cardinality($3) = 0
        AND job_role.industry_id = ANY($5)
    UNION ALL
    SELECT team.id
    FROM app.team_entity AS team
    WHERE
        cardinality($4) = 0
        AND cardinality($3) = 0
        AND team.industry_id = ANY($5)
    UNION ALL
    SELECT agent.id
    FROM app.agent_entity AS agent
    WHERE
        cardinality($4) = 0
        AND cardinality($3) = 0
        AND agent.industry_id = ANY($5)
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
    AND base.entity_type = ANY($1)
    AND base.status = ANY($2);
END;
COMMENT ON FUNCTION app.search_candidates(text[], text[], text[], text[], uuid[]) IS 'The ids of all entities that meet every filter of a search.';
GRANT EXECUTE ON FUNCTION app.search_candidates(text[], text[], text[], text[], uuid[])
TO plant_app, plant_readonly;

-- How near two entities have to be to be taken for the same.
ALTER TABLE app.tenant ADD COLUMN similar_min real;
ALTER TABLE app.tenant ADD CONSTRAINT tenant_similar_min_range
CHECK (similar_min BETWEEN -1 AND 1) NOT VALID;
ALTER TABLE app.tenant VALIDATE CONSTRAINT tenant_similar_min_range;
COMMENT ON COLUMN app.tenant.similar_min IS 'The least score of what is taken for the same; NULL: the service''s own.';
