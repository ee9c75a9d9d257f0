-- name: entities_by_id :many
-- Find the entities of any kind that the caller may see among these ids.
--
-- param: $1 ids uuid[]
-- returns: id uuid, document text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: base_entity_pkey
SELECT
    base_entity.id,
    base_entity.document
FROM unnest($1::uuid[]) AS wanted (id)
INNER JOIN app.base_entity ON wanted.id = base_entity.id
ORDER BY base_entity.id ASC
LIMIT 100;
