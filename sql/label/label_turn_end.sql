-- name: label_turn_end :one
-- Let others embed a tenant.
--
-- param: $1 tenant_id uuid
-- returns: ours boolean
-- raises: -
-- isolation: read committed
-- call: text
-- role: worker
SELECT pg_advisory_unlock(app.label_lock($1)) AS ours;
