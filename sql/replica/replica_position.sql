-- name: replica_position :one
-- Tell which cluster a standby follows and how far it has replayed the log of changes: null when it
-- is no standby.
--
-- returns: cluster bigint, replayed bigint
-- raises: -
-- isolation: read committed
-- call: text
-- role: app
SELECT
    control.system_identifier AS cluster,
    CASE
        WHEN pg_is_in_recovery()
            THEN (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint
    END AS replayed
FROM pg_control_system() AS control;
