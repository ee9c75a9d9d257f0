-- name: entity_version_pair :many
-- Find two versions of an entity, or those of them that the caller may see.
--
-- Of a version that was erased or pruned the document is null, and gone says which.
--
-- param: $1 kind text
-- param: $2 id uuid
-- param: $3 version integer
-- param: $4 other_version integer
-- returns: version integer, document text, gone text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: entry_version_key
-- plan: payload_pkey
SELECT
    entry.version,
    served.body AS document,
    CASE WHEN served.body IS NULL THEN app.document_gone(entry.audit_id) END AS gone
FROM audit.entry
CROSS JOIN
    LATERAL (
        SELECT payload.body
        FROM audit.payload
        WHERE payload.audit_id = entry.audit_id
        ORDER BY payload.audit_id ASC
        LIMIT 1
    ) AS served
WHERE
    entry.entity_type = $1
    AND entry.entity_id = $2
    AND entry.version IN ($3, $4)
ORDER BY entry.version ASC
LIMIT 2;
