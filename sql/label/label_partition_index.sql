-- name: label_partition_index :one
-- Give the table that is being made for a tenant the indexes that searches go by, and count it.
--
-- param: $1 tenant_id uuid
-- returns: labels bigint
-- raises: -
-- isolation: read committed
-- call: text
-- role: owner
SELECT app.index_label_partition($1) AS labels;
