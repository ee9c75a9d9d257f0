-- name: log_facts :one
-- Tell which cluster this is, and how many entries have a place in the log.
--
-- returns: system_identifier bigint, positions bigint
-- raises: -
-- isolation: read committed
-- call: text
-- role: worker
SELECT
    control.system_identifier,
    coalesce(
        (
            SELECT position.log_index + 1
            FROM audit.position
            ORDER BY position.log_index DESC
            LIMIT 1
        ),
        0
    ) AS positions
FROM pg_control_system() AS control;
