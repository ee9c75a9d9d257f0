-- name: server_clock :one
-- Tell what time the server has, as little else as can be between question and answer.
--
-- returns: at timestamptz
-- raises: -
-- isolation: read committed
-- call: text
-- role: owner
SELECT clock_timestamp() AS at;
