-- name: health_ping :one
-- Tell that the server answers, and whether it is a standby.
--
-- returns: standby boolean
-- raises: -
-- isolation: read committed
-- call: text
-- role: app
SELECT pg_is_in_recovery() AS standby;
