-- name: proof_entries :many
-- List the tenant's log behind a position: entries and leaves, without documents.
--
-- param: $1 after_position bigint
-- param: $2 count bigint
-- returns: pos bigint, log_index bigint, audit_id uuid, entry text, tenant_prev bytea,
--     leaf_hash bytea
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: position_pos_key
-- plan: entry_pkey
SELECT
    place.pos,
    place.log_index,
    place.audit_id,
    convert_from(logged.entry, 'UTF8') AS entry,
    place.tenant_prev,
    place.leaf_hash
FROM audit.position AS place
CROSS JOIN
    LATERAL (
        SELECT
            audit.entry_bytes(
                entry.tenant_id, entry.entity_type, entry.entity_id, entry.version,
                entry.operation, entry.actor, entry.key, entry.at,
                entry.payload_hash, entry.prev_hash
            ) AS entry
        FROM audit.entry
        WHERE entry.audit_id = place.audit_id
        ORDER BY entry.audit_id ASC
        LIMIT 1
    ) AS logged
WHERE place.pos > $1
ORDER BY place.pos ASC
LIMIT $2;
