-- name: label_partition_begin :one
-- Make the table that is to be the partition of a tenant's labels, with those that there are.
--
-- param: $1 tenant_id uuid
-- returns: name text
-- raises: -
-- isolation: read committed
-- call: text
-- role: owner
SELECT app.begin_label_partition($1) AS name;
