-- name: entity_by_external_id :maybe
-- Find one entity that the caller may see, by kind and the caller's own id.
--
-- param: $1 kind text
-- param: $2 external_id text
-- returns: document text, etag text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: base_entity_external_id_key
SELECT
    base_entity.document,
    app.etag(base_entity.version, base_entity.version_hash) AS etag
FROM app.base_entity
WHERE base_entity.entity_type = $1 AND base_entity.external_id = $2;
