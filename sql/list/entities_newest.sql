-- name: entities_newest :many
-- List a kind, newest first.
--
-- param: $1 kind text
-- param: $2 before uuid
-- param: $3 count bigint
-- returns: id uuid, document text
-- raises: -
-- isolation: read committed
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
    AND base_entity.id < $2
ORDER BY base_entity.id DESC
LIMIT $3;
