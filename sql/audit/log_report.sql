-- name: log_report :one
-- Tell how far the log is: entries with a place, entries that are sealed, and for how many seconds
-- the first of the others has been there; null where there is none.
--
-- Pending rows up to the given number are passed over: there are none that count.
--
-- param: $1 low bigint
-- returns: positions bigint, size bigint, waiting_s double precision
-- raises: -
-- isolation: read committed
-- call: text
-- role: worker
SELECT
    coalesce(
        (
            SELECT position.log_index + 1
            FROM audit.position
            ORDER BY position.log_index DESC
            LIMIT 1
        ),
        0
    ) AS positions,
    coalesce(
        (
            SELECT checkpoint.size
            FROM audit.checkpoint
            ORDER BY
                checkpoint.incarnation DESC,
                checkpoint.size DESC
            LIMIT 1
        ),
        0
    ) AS size,
    (
        SELECT extract(EPOCH FROM clock_timestamp() - entry.at)::double precision
        FROM (
            SELECT
                pending.tenant_id,
                pending.audit_id
            FROM audit.pending
            WHERE pending.seq > $1
            ORDER BY pending.seq ASC
            LIMIT 1
        ) AS first_pending
        INNER JOIN audit.entry
            ON
                first_pending.tenant_id = entry.tenant_id
                AND first_pending.audit_id = entry.audit_id
    ) AS waiting_s;
