-- name: verify_waiting :one
-- Count what is not sealed yet: entries in the queue, places behind the last checkpoint, and how
-- long the oldest of both has waited.
--
-- Units: seconds.
--
-- param: $1 sealed bigint
-- returns: queued bigint, unsealed bigint, waited_s double precision
-- raises: -
-- isolation: repeatable read
-- call: text
-- role: worker
-- plan: entry_pkey
-- plan: position_entry_key
-- plan: position_pkey
WITH waiting AS (
    SELECT
        entry.at,
        TRUE AS queued
    FROM audit.pending
    INNER JOIN audit.entry
        ON pending.tenant_id = entry.tenant_id AND pending.audit_id = entry.audit_id
    LEFT OUTER JOIN audit.position
        ON pending.tenant_id = position.tenant_id AND pending.audit_id = position.audit_id
    WHERE position.log_index IS NULL
    UNION ALL
    SELECT
        entry.at,
        FALSE AS queued
    FROM audit.position
    INNER JOIN audit.entry
        ON position.tenant_id = entry.tenant_id AND position.audit_id = entry.audit_id
    WHERE position.log_index >= $1
)

SELECT
    count(*) FILTER (WHERE waiting.queued) AS queued,
    count(*) FILTER (WHERE NOT waiting.queued) AS unsealed,
    coalesce(extract(EPOCH FROM clock_timestamp() - min(waiting.at)), 0)::double precision
        AS waited_s
FROM waiting;
