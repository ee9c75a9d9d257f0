-- name: job_roles_by_seniority :many
-- List job roles by seniority level, newest first.
--
-- param: $1 seniority_levels text[]
-- param: $2 before uuid
-- param: $3 count bigint
-- returns: id uuid, document text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: job_role_entity_seniority_level_idx
SELECT
    page.id,
    page.document
FROM unnest($1::text[]) AS wanted (value)
CROSS JOIN
    LATERAL (
        SELECT
            base_entity.id,
            base_entity.document
        FROM app.job_role_entity
        INNER JOIN app.base_entity ON job_role_entity.id = base_entity.id
        WHERE
            job_role_entity.seniority_level = wanted.value
            AND job_role_entity.id < $2
        ORDER BY job_role_entity.id DESC
        LIMIT $3
    ) AS page
ORDER BY page.id DESC
LIMIT $3;
