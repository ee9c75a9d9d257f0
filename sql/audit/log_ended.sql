-- name: log_ended :one
-- Tell below which number every transaction has ended.
--
-- returns: before bigint
-- raises: -
-- isolation: read committed
-- call: text
-- role: worker
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS before;
