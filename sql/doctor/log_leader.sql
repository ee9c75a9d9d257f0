-- name: log_leader :one
-- Tell whether a session leads the log: it holds the lock that log_lead takes.
--
-- returns: leads boolean
-- raises: -
-- isolation: read committed
-- call: text
-- role: worker
SELECT count(*) > 0 AS leads
FROM pg_locks
INNER JOIN pg_database ON pg_locks.database = pg_database.oid
WHERE
    pg_locks.locktype = 'advisory'
    AND pg_locks.objsubid = 1
    AND pg_locks.granted
    AND pg_database.datname = current_database()
    AND (pg_locks.classid::bigint << 32) + pg_locks.objid::bigint
    = hashtextextended('plant log leader', 0);
