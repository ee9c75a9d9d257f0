-- name: label_partition_clear :one
-- Delete a tenant's labels in the partition of all; until COMMIT everybody finds them still.
--
-- param: $1 tenant_id uuid
-- returns: cleared bigint
-- raises: -
-- isolation: read committed
-- call: text
-- role: owner
SELECT app.clear_labels($1) AS cleared;
