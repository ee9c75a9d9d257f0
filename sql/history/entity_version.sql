-- name: entity_version :maybe
-- Find one version of an entity: the bytes that were served, and their entity tag.
--
-- A version that was written as another governance agent's draft is not found: row security
-- on audit.payload hides it for good, whatever became of the entity. Of one that was erased
-- or pruned the document is null, and gone says which.
--
-- param: $1 kind text
-- param: $2 id uuid
-- param: $3 version integer
-- returns: document text, etag text, gone text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: entry_version_key
-- plan: payload_pkey
SELECT
    payload.body AS document,
    app.etag(entry.version, entry.entry_hash) AS etag,
    CASE WHEN payload.body IS NULL THEN app.document_gone(entry.audit_id) END AS gone
FROM audit.entry
INNER JOIN audit.payload ON entry.audit_id = payload.audit_id
WHERE
    entry.entity_type = $1
    AND entry.entity_id = $2
    AND entry.version = $3;
