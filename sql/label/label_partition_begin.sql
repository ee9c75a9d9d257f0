-- name: label_partition_begin :one
-- Make the table that is to have a tenant's labels alone, and keep others from writing any.
--
-- Until COMMIT it is there for this transaction only. It waits for whoever embeds the tenant.
--
-- param: $1 tenant_id uuid
-- returns: made text, former text
-- raises: -
-- isolation: read committed
-- call: text
-- role: owner
SELECT
    begun.made,
    begun.former
FROM app.begin_label_partition($1) AS begun;
