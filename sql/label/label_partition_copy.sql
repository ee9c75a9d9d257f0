-- name: label_partition_copy :one
-- Copy labels of a tenant into the table that is being made for it: those that serve a model and
-- are from after a time, or all where the model is null.
--
-- param: $1 tenant_id uuid
-- param: $2 model text
-- param: $3 words text
-- param: $4 since timestamptz
-- returns: copied bigint, next_no integer
-- raises: -
-- isolation: read committed
-- call: text
-- role: owner
SELECT
    done.copied,
    done.next_no
FROM app.copy_labels($1, $2, $3, $4) AS done;
