-- Undoes 0046.candidates_once.
CREATE OR REPLACE FUNCTION app.search_candidates(
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
FROM unnest($1) AS kind (name)
CROSS JOIN unnest($2) AS state (name)
CROSS JOIN
    LATERAL ( -- noqa: ST05
        SELECT base_entity.id
        FROM app.base_entity
        WHERE
            base_entity.entity_type = kind.name
            AND base_entity.status = state.name
        OFFSET 0 -- noqa: AM09
    ) AS base
WHERE
    cardinality($3) = 0
    AND cardinality($4) = 0
    AND cardinality($5) = 0;
END;
