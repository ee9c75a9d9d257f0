-- name: job_roles_by_seniority_matching :many
-- List job roles by seniority level, newest first, among those that meet the other
-- filters too.
--
-- param: $1 seniority_levels text[]
-- param: $2 before uuid
-- param: $3 count bigint
-- param: $4 filters jsonb
-- returns: id uuid, document text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: job_role_entity_seniority_level_idx
-- set: plan_cache_mode = force_custom_plan
SELECT
    page.id,
    page.document
FROM unnest($1::text[]) AS wanted (value)
CROSS JOIN
    LATERAL (
        SELECT
            entity.id,
            entity.document
        FROM app.job_role_entity
        CROSS JOIN LATERAL app.matching_entity(job_role_entity.id, $4) AS entity
        WHERE
            job_role_entity.seniority_level = wanted.value
            AND job_role_entity.id < $2
        ORDER BY job_role_entity.id DESC
        LIMIT $3
    ) AS page
ORDER BY page.id DESC
LIMIT $3;
