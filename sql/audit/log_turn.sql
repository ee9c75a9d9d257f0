-- name: log_turn :one
-- Wait until nobody else signs, and be the one who does until the transaction ends: the leader
-- seals, an operator takes the log up again after a restore.
--
-- returns: ours boolean
-- raises: -
-- isolation: read committed
-- call: text
-- role: worker
SELECT TRUE AS ours
FROM pg_advisory_xact_lock(hashtextextended('plant log turn', 0));
