-- name: label_partition_has :one
-- Ask whether a tenant's labels have a partition of their own.
--
-- param: $1 tenant_id uuid
-- returns: found boolean
-- raises: -
-- isolation: read committed
-- call: text
-- role: owner
SELECT app.has_label_partition($1) AS found;
