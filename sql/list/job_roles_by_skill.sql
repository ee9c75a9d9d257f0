-- name: job_roles_by_skill :many
-- List job roles that need any of these skills, newest first.
--
-- param: $1 skill_ids uuid[]
-- param: $2 before uuid
-- param: $3 count bigint
-- returns: id uuid, document text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: job_role_skill_skill_idx
SELECT DISTINCT ON (page.id)
    page.id,
    page.document
FROM unnest($1::uuid[]) AS wanted (value)
CROSS JOIN
    LATERAL (
        SELECT
            base_entity.id,
            base_entity.document
        FROM app.job_role_skill
        INNER JOIN app.base_entity ON job_role_skill.job_role_id = base_entity.id
        WHERE
            job_role_skill.skill_id = wanted.value
            AND job_role_skill.job_role_id < $2
        ORDER BY job_role_skill.job_role_id DESC
        LIMIT $3
    ) AS page
ORDER BY page.id DESC
LIMIT $3;
