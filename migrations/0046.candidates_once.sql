-- A kind or a state that is given twice gives its entities once.
-- depends: 0045.candidates_by_state
--
-- The service gives each value once, but whoever asks in psql may repeat some: with 0045 an entity
-- stood there as often as its pair of kind and state, and app.search_breadth counted it as often.
--
-- For each pair the index of states is read, as with 0045, but not always, as 0045 has it: only
-- where statistics say how many rows a pair has. After a restore and before ANALYZE every index
-- promises one row, and that of names may be taken, which reads a kind whole for each state.
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
FROM (SELECT DISTINCT given.name FROM unnest($1) AS given (name)) AS kind
CROSS JOIN (SELECT DISTINCT given.name FROM unnest($2) AS given (name)) AS state -- noqa: ST05
CROSS JOIN
    LATERAL (
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
