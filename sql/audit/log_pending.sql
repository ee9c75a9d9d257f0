-- name: log_pending :many
-- Take the next entries without a place, in the order in which they joined the queue, each with
-- whether its hash is that of what it says. The hash is computed here and by nothing of the
-- database's own but sha256: a function there could be replaced.
--
-- The hash is null where there is no such entry. An entry that has a place already is told: its row
-- in the queue is one too many.
--
-- param: $1 after bigint
-- param: $2 count bigint
-- returns: seq bigint, tenant_id uuid, audit_id uuid, entry_hash bytea, intact boolean,
--     placed boolean
-- raises: -
-- isolation: read committed
-- call: text
-- role: worker
-- plan: pending_pkey
-- plan: entry_pkey
-- plan: position_entry_key
SELECT
    pending.seq,
    pending.tenant_id,
    pending.audit_id,
    entry.entry_hash,
    coalesce(
        entry.entry_hash = sha256(
            convert_to(
                '["plant-entry/v1","' || entry.tenant_id || '","' || entry.entity_type
                || '","' || entry.entity_id || '",' || entry.version || ',"'
                || entry.operation || '","' || entry.actor || '","' || entry.key || '",'
                || (extract(EPOCH FROM entry.at) * 1000000)::bigint
                || ',"' || encode(entry.payload_hash, 'hex')
                || '","' || encode(entry.prev_hash, 'hex') || '"]',
                'UTF8'
            )
        ),
        FALSE
    ) AS intact,
    position.log_index IS NOT NULL AS placed
FROM audit.pending
LEFT OUTER JOIN audit.entry
    ON
        pending.tenant_id = entry.tenant_id
        AND pending.audit_id = entry.audit_id
LEFT OUTER JOIN audit.position
    ON
        pending.tenant_id = position.tenant_id
        AND pending.audit_id = position.audit_id
WHERE pending.seq > $1
ORDER BY pending.seq ASC
LIMIT $2;
