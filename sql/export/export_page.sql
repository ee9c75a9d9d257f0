-- name: export_page :many
-- Read the entities of a kind behind an id, oldest first, as they are exported.
--
-- param: $1 kind text
-- param: $2 after uuid
-- param: $3 count bigint
-- returns: id uuid, document text
-- raises: -
-- isolation: repeatable read
-- call: function
-- role: app
-- plan: base_entity_kind_key
-- set: plan_cache_mode = force_generic_plan
SELECT
    base_entity.id,
    base_entity.document
FROM app.base_entity
WHERE
    base_entity.entity_type = $1
    AND base_entity.id > $2
ORDER BY base_entity.id ASC
LIMIT $3;
