-- name: verify_history :many
-- Find versions that do not follow on the one before: in number, link, time, kind, or place in
-- the log.
--
-- An entity begins with version 1, or with the version that a restore brought, and without a
-- predecessor.
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
    fault.pos,
    fault.log_index,
    fault.fault
FROM (
    SELECT
        entry.tenant_id,
        entry.entity_type AS kind,
        entry.entity_id,
        entry.version,
        position.pos,
        position.log_index,
        CASE
            WHEN lag(entry.version) OVER earlier IS NULL
                THEN
                    CASE
                        WHEN entry.version <> 1 AND entry.operation <> 'restore' THEN 'hole'
                        WHEN entry.prev_hash <> decode(repeat('00', 32), 'hex') THEN 'link'
                    END
            WHEN entry.version <> lag(entry.version) OVER earlier + 1 THEN 'hole'
            WHEN entry.prev_hash <> lag(entry.entry_hash) OVER earlier THEN 'link'
            WHEN entry.at <= lag(entry.at) OVER earlier THEN 'time'
            WHEN entry.entity_type <> lag(entry.entity_type) OVER earlier THEN 'kind'
            WHEN
                position.log_index
                < coalesce(lag(position.log_index) OVER earlier, position.log_index + 1)
                THEN 'order'
        END AS fault
    FROM audit.entry
    LEFT OUTER JOIN audit.position
        ON entry.tenant_id = position.tenant_id AND entry.audit_id = position.audit_id
    WHERE entry.tenant_id BETWEEN $1 AND $2
    WINDOW earlier AS (
        PARTITION BY entry.tenant_id, entry.entity_id ORDER BY entry.version ASC
    )
) AS fault
WHERE fault.fault IS NOT NULL
ORDER BY fault.tenant_id ASC, fault.entity_id ASC, fault.version ASC
LIMIT $3;
