-- name: entity_by_id :maybe
-- Find one entity that the caller may see, by kind and id.
--
-- param: $1 kind text
-- param: $2 id uuid
-- returns: document text, etag text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: base_entity_pkey
SELECT
    base_entity.document,
    app.etag(base_entity.version, base_entity.version_hash) AS etag
FROM app.base_entity
WHERE base_entity.id = $2 AND base_entity.entity_type = $1;
