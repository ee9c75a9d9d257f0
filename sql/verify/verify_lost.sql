-- name: verify_lost :many
-- Find entities of the log that are not there any more.
--
-- What the log says of itself (kind log) has no row of its own.
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
    max(entry.version) AS version,
    NULL::bigint AS pos,
    NULL::bigint AS log_index,
    'lost' AS fault
FROM audit.entry
LEFT OUTER JOIN app.base_entity
    ON entry.tenant_id = base_entity.tenant_id AND entry.entity_id = base_entity.id
LEFT OUTER JOIN app.amendment
    ON entry.tenant_id = amendment.tenant_id AND entry.entity_id = amendment.id
WHERE
    entry.tenant_id BETWEEN $1 AND $2
    AND base_entity.id IS NULL
    AND amendment.id IS NULL
    AND entry.entity_type <> 'log'
GROUP BY entry.tenant_id, entry.entity_type, entry.entity_id
ORDER BY entry.tenant_id ASC, entry.entity_id ASC
LIMIT $3;
