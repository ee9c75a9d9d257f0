-- name: verify_order :many
-- Read positions in the order of the log.
--
-- param: $1 from_index bigint
-- param: $2 count bigint
-- returns: log_index bigint, tenant_id uuid, audit_id uuid, pos bigint, tenant_prev bytea,
--     leaf_hash bytea
-- raises: -
-- isolation: repeatable read
-- call: text
-- role: worker
-- plan: position_pkey
SELECT
    position.log_index,
    position.tenant_id,
    position.audit_id,
    position.pos,
    position.tenant_prev,
    position.leaf_hash
FROM audit.position
WHERE position.log_index >= $1
ORDER BY position.log_index ASC
LIMIT $2;
