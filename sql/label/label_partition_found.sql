-- name: label_partition_found :one
-- Name the table that has the labels of a tenant alone; null where they stand among others.
--
-- Detached is one of the names of such a table that is not searched: somebody took it away.
--
-- param: $1 tenant_id uuid
-- returns: former text, detached text
-- raises: -
-- isolation: read committed
-- call: text
-- role: owner
SELECT
    app.label_partition($1, TRUE)::text AS former,
    app.label_partition($1, FALSE)::text AS detached;
