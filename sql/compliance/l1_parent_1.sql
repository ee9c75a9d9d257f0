-- name: l1_parent_1 :many
-- L1-PARENT-1: parents form no cycle (of industries it is part of L1-IND-2).
--
-- param: $1 id uuid
-- returns: message text, entity_id uuid
-- raises: -
-- isolation: repeatable read
-- call: function
-- role: app
WITH RECURSIVE ancestor AS (
    SELECT entity_parent.parent_id AS id
    FROM app.entity_parent
    WHERE entity_parent.entity_id = $1
    UNION
    SELECT entity_parent.parent_id
    FROM ancestor
    INNER JOIN app.entity_parent ON ancestor.id = entity_parent.entity_id
)

SELECT
    'It is among its own ancestors.' AS message,
    ancestor.id AS entity_id
FROM ancestor
WHERE ancestor.id = $1
ORDER BY message ASC, entity_id ASC
LIMIT 100;
