-- name: verify_clock :many
-- Read the times of a stretch of the log, in its order.
--
-- param: $1 from_index bigint
-- param: $2 count bigint
-- returns: log_index bigint, tenant_id uuid, pos bigint, kind text, entity_id uuid,
--     version integer, at_us bigint
-- raises: -
-- isolation: repeatable read
-- call: text
-- role: worker
-- plan: position_pkey
-- plan: entry_pkey
SELECT
    position.log_index,
    position.tenant_id,
    position.pos,
    entry.entity_type AS kind,
    entry.entity_id,
    entry.version,
    (extract(EPOCH FROM entry.at) * 1000000)::bigint AS at_us
FROM audit.position
INNER JOIN audit.entry
    ON position.tenant_id = entry.tenant_id AND position.audit_id = entry.audit_id
WHERE position.log_index >= $1 AND position.log_index < $1 + $2 AND isfinite(entry.at)
ORDER BY position.log_index ASC
LIMIT $2;
