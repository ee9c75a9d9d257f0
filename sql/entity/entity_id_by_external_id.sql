-- name: entity_id_by_external_id :maybe
-- Find who holds an external id, when the caller may see it.
--
-- param: $1 kind text
-- param: $2 external_id text
-- returns: id uuid
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: base_entity_external_id_key
SELECT base_entity.id
FROM app.base_entity
WHERE base_entity.entity_type = $1 AND base_entity.external_id = $2;
