-- name: l1_role_3 :many
-- L1-ROLE-3: the seniority is set.
--
-- param: $1 id uuid
-- returns: message text, entity_id uuid
-- raises: -
-- isolation: repeatable read
-- call: function
-- role: app
SELECT
    'The seniority level must be set.' AS message,
    NULL::uuid AS entity_id
FROM app.base_entity
LEFT OUTER JOIN app.job_role_entity
    ON
        base_entity.tenant_id = job_role_entity.tenant_id
        AND base_entity.id = job_role_entity.id
WHERE base_entity.id = $1 AND job_role_entity.seniority_level IS NULL
ORDER BY message ASC, entity_id ASC
LIMIT 100;
