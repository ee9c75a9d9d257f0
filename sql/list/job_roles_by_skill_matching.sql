-- name: job_roles_by_skill_matching :many
-- List job roles that need any of these skills, newest first, among those that meet
-- the other filters too.
--
-- param: $1 skill_ids uuid[]
-- param: $2 before uuid
-- param: $3 count bigint
-- param: $4 filters jsonb
-- returns: id uuid, document text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: job_role_skill_skill_idx
-- set: plan_cache_mode = force_custom_plan
SELECT DISTINCT ON (page.id)
    page.id,
    page.document
FROM unnest($1::uuid[]) AS wanted (value)
CROSS JOIN
    LATERAL (
        SELECT
            entity.id,
            entity.document
        FROM app.job_role_skill
        CROSS JOIN LATERAL app.matching_entity(job_role_skill.job_role_id, $4) AS entity
        WHERE
            job_role_skill.skill_id = wanted.value
            AND job_role_skill.job_role_id < $2
        ORDER BY job_role_skill.job_role_id DESC
        LIMIT $3
    ) AS page
ORDER BY page.id DESC
LIMIT $3;
