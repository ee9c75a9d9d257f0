-- name: log_ends :many
-- Read where each of these tenants' part of the log ends: its last position and leaf hash.
--
-- param: $1 tenant_ids uuid[]
-- param: $2 count bigint
-- returns: tenant_id uuid, pos bigint, leaf_hash bytea
-- raises: -
-- isolation: read committed
-- call: text
-- role: worker
-- plan: position_pos_key
SELECT
    newest.tenant_id,
    newest.pos,
    newest.leaf_hash
FROM unnest($1::uuid[]) AS asked (tenant_id)
CROSS JOIN
    LATERAL (
        SELECT
            position.tenant_id,
            position.pos,
            position.leaf_hash
        FROM audit.position
        WHERE position.tenant_id = asked.tenant_id
        ORDER BY position.pos DESC
        LIMIT 1
    ) AS newest
ORDER BY newest.tenant_id ASC
LIMIT $2;
