-- name: job_roles_by_industry_matching :many
-- List job roles by industry, newest first, among those that meet the other filters
-- too.
--
-- param: $1 industry_ids uuid[]
-- param: $2 before uuid
-- param: $3 count bigint
-- param: $4 filters jsonb
-- returns: id uuid, document text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: job_role_entity_industry_idx
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
        FROM app.job_role_entity
        CROSS JOIN LATERAL app.matching_entity(job_role_entity.id, $4) AS entity
        WHERE
            job_role_entity.industry_id = wanted.value
            AND job_role_entity.id < $2
        ORDER BY job_role_entity.id DESC
        LIMIT $3
    ) AS page
ORDER BY page.id DESC
LIMIT $3;
