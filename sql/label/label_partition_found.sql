-- name: label_partition_found :one
-- Name the table that has the labels of a tenant alone; null where they stand among others.
--
-- param: $1 tenant_id uuid
-- returns: former text
-- raises: -
-- isolation: read committed
-- call: text
-- role: owner
SELECT app.label_partition($1, TRUE)::text AS former;
