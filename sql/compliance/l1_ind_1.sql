-- name: l1_ind_1 :many
-- L1-IND-1: the name is not blank.
--
-- param: $1 id uuid
-- returns: message text, entity_id uuid
-- raises: -
-- isolation: repeatable read
-- call: function
-- role: app
SELECT
    'The name must not be blank.' AS message,
    NULL::uuid AS entity_id
FROM app.base_entity
WHERE base_entity.id = $1 AND base_entity.name !~ '[^[:space:]]'
ORDER BY message ASC, entity_id ASC
LIMIT 100;
