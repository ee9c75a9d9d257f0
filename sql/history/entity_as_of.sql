-- name: entity_as_of :maybe
-- Find the version of an entity that was in force at a time, that time included.
--
-- The version is chosen first and only then looked at: where it is hidden, because it was
-- written as another governance agent's draft, an older one must not stand in for it.
-- Within an entity times rise with the versions. Of a version that was erased or pruned the
-- document is null, and gone says which.
--
-- param: $1 kind text
-- param: $2 id uuid
-- param: $3 as_of timestamptz
-- returns: document text, etag text, gone text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: entry_version_key
-- plan: payload_pkey
SELECT
    payload.body AS document,
    app.etag(newest.version, newest.entry_hash) AS etag,
    CASE WHEN payload.body IS NULL THEN app.document_gone(newest.audit_id) END AS gone
FROM (
    SELECT
        entry.audit_id,
        entry.version,
        entry.entry_hash
    FROM audit.entry
    WHERE
        entry.entity_type = $1
        AND entry.entity_id = $2
        AND entry.at <= $3
    ORDER BY entry.version DESC
    LIMIT 1
) AS newest
INNER JOIN audit.payload ON newest.audit_id = payload.audit_id;
