-- name: l1_role_1 :many
-- L1-ROLE-1: a job role has at least one essential skill.
--
-- param: $1 id uuid
-- returns: message text, entity_id uuid
-- raises: -
-- isolation: repeatable read
-- call: function
-- role: app
SELECT
    'A job role needs at least one essential skill.' AS message,
    NULL::uuid AS entity_id
FROM app.base_entity
WHERE
    base_entity.id = $1
    AND NOT EXISTS (
        SELECT
        FROM app.job_role_skill
        WHERE
            job_role_skill.tenant_id = base_entity.tenant_id
            AND job_role_skill.job_role_id = base_entity.id
            AND job_role_skill.relation = 'essential'
    )
ORDER BY message ASC, entity_id ASC
LIMIT 100;
