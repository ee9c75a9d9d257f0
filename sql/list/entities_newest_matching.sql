-- name: entities_newest_matching :many
-- List a kind, newest first, among those that meet the other filters too.
--
-- param: $1 kind text
-- param: $2 before uuid
-- param: $3 count bigint
-- param: $4 filters jsonb
-- returns: id uuid, document text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: base_entity_kind_idx
SELECT
    base_entity.id,
    base_entity.document
FROM app.base_entity
WHERE
    base_entity.entity_type = $1
    AND base_entity.id < $2
    AND app.document_matches(
        base_entity.document, base_entity.name_key, $4
    )
ORDER BY base_entity.id DESC
LIMIT $3;
