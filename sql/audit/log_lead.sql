-- name: log_lead :one
-- Become the one that places and seals entries, until this session ends; one other at most waits
-- for nothing.
--
-- returns: ours boolean
-- raises: -
-- isolation: read committed
-- call: text
-- role: worker
SELECT pg_try_advisory_lock(hashtextextended('plant log leader', 0)) AS ours;
