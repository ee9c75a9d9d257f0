-- name: job_roles_by_industry :many
-- List job roles by industry, newest first.
--
-- param: $1 industry_ids uuid[]
-- param: $2 before uuid
-- param: $3 count bigint
-- returns: id uuid, document text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: job_role_entity_industry_idx
SELECT
    page.id,
    page.document
FROM unnest($1::uuid[]) AS wanted (value)
CROSS JOIN
    LATERAL (
        SELECT
            base_entity.id,
            base_entity.document
        FROM app.job_role_entity
        INNER JOIN app.base_entity ON job_role_entity.id = base_entity.id
        WHERE
            job_role_entity.industry_id = wanted.value
            AND job_role_entity.id < $2
        ORDER BY job_role_entity.id DESC
        LIMIT $3
    ) AS page
ORDER BY page.id DESC
LIMIT $3;
