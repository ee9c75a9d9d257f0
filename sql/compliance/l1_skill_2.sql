-- name: l1_skill_2 :many
-- L1-SKILL-2: the category is set.
--
-- param: $1 id uuid
-- returns: message text, entity_id uuid
-- raises: -
-- isolation: repeatable read
-- call: function
-- role: app
SELECT
    'The category must be set.' AS message,
    NULL::uuid AS entity_id
FROM app.base_entity
LEFT OUTER JOIN app.skill_entity
    ON base_entity.tenant_id = skill_entity.tenant_id AND base_entity.id = skill_entity.id
WHERE base_entity.id = $1 AND skill_entity.category IS NULL
ORDER BY message ASC, entity_id ASC
LIMIT 100;
