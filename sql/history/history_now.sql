-- name: history_now :one
-- Tell the time by which changes are stamped: what has not come yet has no history.
--
-- returns: now timestamptz
-- raises: -
-- isolation: read committed
-- call: text
-- role: app
SELECT clock_timestamp() AS now;
