-- name: entity_versions :many
-- List the versions of an entity that the caller may see, newest first.
--
-- actor and key name two identities, joined by "+", where an import was certified at once.
-- Of a version that was erased the status is null.
--
-- param: $1 kind text
-- param: $2 id uuid
-- param: $3 before_version bigint
-- param: $4 count bigint
-- returns: version integer, operation text, status text, at timestamptz, actor text, key text,
--     audit_id uuid, entry_hash bytea
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: entry_version_key
-- plan: payload_pkey
SELECT
    entry.version,
    entry.operation,
    served.status,
    entry.at,
    entry.actor,
    entry.key,
    entry.audit_id,
    entry.entry_hash
FROM audit.entry
CROSS JOIN
    LATERAL (
        SELECT payload.body::json ->> 'status' AS status
        FROM audit.payload
        WHERE payload.audit_id = entry.audit_id
        ORDER BY payload.audit_id ASC
        LIMIT 1
    ) AS served
WHERE
    entry.entity_type = $1
    AND entry.entity_id = $2
    AND entry.version < $3::bigint
ORDER BY entry.version DESC
LIMIT $4;
