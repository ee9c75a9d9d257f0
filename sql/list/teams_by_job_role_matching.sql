-- name: teams_by_job_role_matching :many
-- List teams by job role, newest first, among those that meet the other filters too.
--
-- param: $1 job_role_ids uuid[]
-- param: $2 before uuid
-- param: $3 count bigint
-- param: $4 filters jsonb
-- returns: id uuid, document text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: team_entity_job_role_idx
-- set: plan_cache_mode = force_custom_plan
SELECT
    page.id,
    page.document
FROM unnest($1::uuid[]) AS wanted (value)
CROSS JOIN
    LATERAL (
        SELECT
            entity.id,
            entity.document
        FROM app.team_entity
        CROSS JOIN LATERAL app.matching_entity(team_entity.id, $4) AS entity
        WHERE
            team_entity.job_role_id = wanted.value
            AND team_entity.id < $2
        ORDER BY team_entity.id DESC
        LIMIT $3
    ) AS page
ORDER BY page.id DESC
LIMIT $3;
