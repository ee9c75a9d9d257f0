-- name: l1_skill_1 :many
-- L1-SKILL-1: name and description are not blank.
--
-- param: $1 id uuid
-- returns: message text, entity_id uuid
-- raises: -
-- isolation: repeatable read
-- call: function
-- role: app
SELECT
    'Name and description must not be blank.' AS message,
    NULL::uuid AS entity_id
FROM app.base_entity
WHERE
    base_entity.id = $1
    AND (
        base_entity.name !~ '[^[:space:]]'
        OR coalesce(base_entity.description, '') !~ '[^[:space:]]'
    )
ORDER BY message ASC, entity_id ASC
LIMIT 100;
