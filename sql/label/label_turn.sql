-- name: label_turn :one
-- Become the one that embeds a tenant, until it is given back or this session ends.
--
-- param: $1 tenant_id uuid
-- returns: ours boolean
-- raises: -
-- isolation: read committed
-- call: text
-- role: worker
SELECT pg_try_advisory_lock(app.label_lock($1)) AS ours;
