-- name: entity_id_by_name :maybe
-- Find who holds a name, when the caller may see it.
--
-- param: $1 kind text
-- param: $2 name text
-- param: $3 scope text
-- returns: id uuid
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: base_entity_name_idx
SELECT base_entity.id
FROM app.base_entity
WHERE
    base_entity.entity_type = $1
    AND base_entity.name_key = app.name_key($2)
    AND base_entity.name_scope IS NOT DISTINCT FROM $3
    AND base_entity.status <> 'archived'
ORDER BY base_entity.id DESC
LIMIT 1;
