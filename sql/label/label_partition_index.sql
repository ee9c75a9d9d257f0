-- name: label_partition_index :one
-- Build the indexes of the table that is to be a tenant's partition.
--
-- param: $1 tenant_id uuid
-- returns: labels bigint
-- raises: -
-- isolation: read committed
-- call: text
-- role: owner
SELECT app.index_label_partition($1) AS labels;
