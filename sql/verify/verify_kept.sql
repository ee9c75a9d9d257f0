-- name: verify_kept :many
-- Find documents that a later erasure of their entity should have emptied.
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
    entry.tenant_id,
    entry.entity_type AS kind,
    entry.entity_id,
    entry.version,
    position.pos,
    position.log_index,
    'kept' AS fault
FROM audit.entry
INNER JOIN audit.payload
    ON entry.tenant_id = payload.tenant_id AND entry.audit_id = payload.audit_id
LEFT OUTER JOIN audit.position
    ON entry.tenant_id = position.tenant_id AND entry.audit_id = position.audit_id
INNER JOIN (
    SELECT
        erasure.tenant_id,
        erasure.entity_id,
        max(erasure.version) AS version
    FROM audit.entry AS erasure
    WHERE erasure.operation = 'erase' AND erasure.tenant_id BETWEEN $1 AND $2
    GROUP BY erasure.tenant_id, erasure.entity_id
) AS erased
    ON
        entry.tenant_id = erased.tenant_id
        AND entry.entity_id = erased.entity_id
        AND entry.version < erased.version
WHERE coalesce(payload.body, payload.reason) IS NOT NULL
ORDER BY entry.tenant_id ASC, entry.entity_id ASC, entry.version ASC
LIMIT $3;
