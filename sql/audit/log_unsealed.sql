-- name: log_unsealed :many
-- Read the leaves from an index on, each with whether its hash is that of its entry and place. The
-- hash is computed here and by nothing of the database's own but sha256.
--
-- param: $1 log_index bigint
-- param: $2 count bigint
-- returns: log_index bigint, tenant_id uuid, audit_id uuid, leaf_hash bytea, intact boolean
-- raises: -
-- isolation: read committed
-- call: text
-- role: worker
-- plan: position_pkey
-- plan: entry_pkey
SELECT
    position.log_index,
    position.tenant_id,
    position.audit_id,
    position.leaf_hash,
    coalesce(
        position.leaf_hash = sha256(
            decode('00', 'hex') || convert_to(
                '["plant-leaf/v1","' || position.tenant_id || '",' || position.pos
                || ',"' || encode(entry.entry_hash, 'hex')
                || '","' || encode(position.tenant_prev, 'hex') || '"]',
                'UTF8'
            )
        ),
        FALSE
    ) AS intact
FROM audit.position
LEFT OUTER JOIN audit.entry
    ON
        position.tenant_id = entry.tenant_id
        AND position.audit_id = entry.audit_id
WHERE position.log_index >= $1
ORDER BY position.log_index ASC
LIMIT $2;
