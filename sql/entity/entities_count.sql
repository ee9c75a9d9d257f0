-- name: entities_count :many
-- Count what the caller may see, by kind and state: five kinds, six states.
--
-- returns: entity_type text, status text, count bigint
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
SELECT
    base_entity.entity_type,
    base_entity.status,
    count(*) AS count
FROM app.base_entity
GROUP BY base_entity.entity_type, base_entity.status
ORDER BY base_entity.entity_type ASC, base_entity.status ASC
LIMIT 30;
