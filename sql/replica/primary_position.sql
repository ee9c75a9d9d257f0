-- name: primary_position :one
-- Tell which cluster a primary is, and how far its log of changes is written.
--
-- returns: cluster bigint, written bigint
-- raises: -
-- isolation: read committed
-- call: text
-- role: app
SELECT
    control.system_identifier AS cluster,
    (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint AS written
FROM pg_control_system() AS control;
