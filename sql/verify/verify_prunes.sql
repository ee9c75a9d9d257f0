-- name: verify_prunes :many
-- Read what prunings say of themselves: the document of each.
--
-- param: $1 first_tenant uuid
-- param: $2 last_tenant uuid
-- param: $3 count bigint
-- returns: tenant_id uuid, document text, pos bigint
-- raises: -
-- isolation: repeatable read
-- call: text
-- role: worker
SELECT
    entry.tenant_id,
    payload.body AS document,
    position.pos
FROM audit.entry
INNER JOIN audit.payload
    ON entry.tenant_id = payload.tenant_id AND entry.audit_id = payload.audit_id
LEFT OUTER JOIN audit.position
    ON entry.tenant_id = position.tenant_id AND entry.audit_id = position.audit_id
WHERE
    entry.tenant_id BETWEEN $1 AND $2
    AND entry.entity_id = entry.tenant_id
    AND entry.entity_type = 'log'
    AND entry.operation = 'prune'
ORDER BY entry.tenant_id ASC, entry.version ASC
LIMIT $3;
