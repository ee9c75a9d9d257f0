-- name: label_partition_attach :one
-- Make the table the partition of a tenant's labels, as its entities are now.
--
-- param: $1 tenant_id uuid
-- returns: labels bigint
-- raises: -
-- isolation: read committed
-- call: text
-- role: owner
SELECT app.attach_label_partition($1) AS labels;
