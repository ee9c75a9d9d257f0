-- name: verify_order_of_tenant :many
-- Read the positions of one tenant in their order.
--
-- param: $1 tenant_id uuid
-- param: $2 from_position bigint
-- param: $3 count bigint
-- returns: log_index bigint, tenant_id uuid, audit_id uuid, pos bigint, tenant_prev bytea,
--     leaf_hash bytea
-- raises: -
-- isolation: repeatable read
-- call: text
-- role: worker
-- plan: position_pos_key
SELECT
    position.log_index,
    position.tenant_id,
    position.audit_id,
    position.pos,
    position.tenant_prev,
    position.leaf_hash
FROM audit.position
WHERE position.tenant_id = $1 AND position.pos >= $2
ORDER BY position.pos ASC
LIMIT $3;
