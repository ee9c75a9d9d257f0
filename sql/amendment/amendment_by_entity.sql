-- name: amendment_by_entity :maybe
-- Find the open amendment of an entity, when the caller may see it.
--
-- param: $1 kind text
-- param: $2 id uuid
-- returns: document text, etag text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: amendment_open_key
SELECT
    amendment.document,
    app.etag(amendment.version, amendment.version_hash) AS etag
FROM app.amendment
WHERE
    amendment.entity_id = $2
    AND amendment.entity_type = $1
    AND amendment.status IN ('draft', 'under_review');
