-- name: verify_unplaced :many
-- Find entries that neither have a place in the log nor wait for one, and rows of the queue that
-- are for no entry (of those the id is the entry's that they name).
--
-- param: $1 first_tenant uuid
-- param: $2 last_tenant uuid
-- param: $3 count bigint
-- returns: tenant_id uuid, kind text, entity_id uuid, version integer, pos bigint,
--     log_index bigint, fault text
-- raises: -
-- isolation: repeatable read
-- call: text
-- role: worker
SELECT
    fault.tenant_id,
    fault.kind,
    fault.entity_id,
    fault.version,
    NULL::bigint AS pos,
    NULL::bigint AS log_index,
    fault.fault
FROM (
    SELECT
        entry.tenant_id,
        entry.entity_type AS kind,
        entry.entity_id,
        entry.version,
        'unplaced' AS fault
    FROM audit.entry
    WHERE
        NOT EXISTS (
            SELECT FROM audit.position
            WHERE
                position.tenant_id = entry.tenant_id
                AND position.audit_id = entry.audit_id
        )
        AND NOT EXISTS (
            SELECT FROM audit.pending
            WHERE
                pending.tenant_id = entry.tenant_id
                AND pending.audit_id = entry.audit_id
        )
    UNION ALL
    SELECT
        pending.tenant_id,
        NULL AS kind,
        pending.audit_id AS entity_id,
        NULL AS version,
        'queue' AS fault
    FROM audit.pending
    WHERE NOT EXISTS (
        SELECT FROM audit.entry
        WHERE
            entry.tenant_id = pending.tenant_id
            AND entry.audit_id = pending.audit_id
    )
) AS fault
WHERE fault.tenant_id BETWEEN $1 AND $2
ORDER BY fault.tenant_id ASC, fault.entity_id ASC, fault.version ASC
LIMIT $3;
