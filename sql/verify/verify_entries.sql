-- name: verify_entries :many
-- Read entries, payloads and positions beside each other, by tenant and id: what each says, as the
-- bytes that were hashed, and the hashes that stand there.
--
-- Of what is missing the columns are null. Nothing is hashed here: whoever runs the server could
-- have put another function in the place of its own. erased, where a document is gone: whether one
-- of the entity's later versions is an erasure; null where it has none.
--
-- param: $1 after_tenant uuid
-- param: $2 after_id uuid
-- param: $3 last_tenant uuid
-- param: $4 count bigint
-- returns: tenant_id uuid, audit_id uuid, entry text, entry_hash bytea, at_us bigint,
--     kept boolean, payload bytea, erased boolean,
--     log_index bigint, pos bigint, tenant_prev bytea, leaf_hash bytea
-- raises: -
-- isolation: repeatable read
-- call: text
-- role: worker
-- plan: entry_pkey
-- plan: payload_pkey
-- plan: position_entry_key
SELECT
    coalesce(logged.tenant_id, held.tenant_id, placed.tenant_id) AS tenant_id,
    coalesce(logged.audit_id, held.audit_id, placed.audit_id) AS audit_id,
    '["plant-entry/v1","' || logged.tenant_id || '","' || logged.entity_type || '","'
    || logged.entity_id || '",' || logged.version || ',"' || logged.operation || '","'
    || logged.actor || '","' || logged.key || '",' || logged.at_us || ',"'
    || encode(logged.payload_hash, 'hex') || '","' || encode(logged.prev_hash, 'hex') || '"]'
        AS entry,
    logged.entry_hash,
    logged.at_us,
    held.audit_id IS NOT NULL AS kept,
    held.salt || convert_to(held.body, 'UTF8') AS payload,
    CASE WHEN held.body IS NULL THEN (
        SELECT bool_or(later.operation = 'erase')
        FROM audit.entry AS later
        WHERE
            later.tenant_id = logged.tenant_id
            AND later.entity_id = logged.entity_id
            AND later.version > logged.version
    ) END AS erased,
    placed.log_index,
    placed.pos,
    placed.tenant_prev,
    placed.leaf_hash
FROM (
    SELECT
        entry.*,
        CASE
            WHEN isfinite(entry.at) THEN (extract(EPOCH FROM entry.at) * 1000000)::bigint
        END AS at_us
    FROM audit.entry
    WHERE (entry.tenant_id, entry.audit_id) > ($1, $2) AND entry.tenant_id <= $3
    ORDER BY entry.tenant_id ASC, entry.audit_id ASC
    LIMIT $4
) AS logged
FULL OUTER JOIN (
    SELECT payload.*
    FROM audit.payload
    WHERE (payload.tenant_id, payload.audit_id) > ($1, $2) AND payload.tenant_id <= $3
    ORDER BY payload.tenant_id ASC, payload.audit_id ASC
    LIMIT $4
) AS held
    ON logged.tenant_id = held.tenant_id AND logged.audit_id = held.audit_id
FULL OUTER JOIN (
    SELECT position.*
    FROM audit.position
    WHERE (position.tenant_id, position.audit_id) > ($1, $2) AND position.tenant_id <= $3
    ORDER BY position.tenant_id ASC, position.audit_id ASC
    LIMIT $4
) AS placed
    ON
        coalesce(logged.tenant_id, held.tenant_id) = placed.tenant_id
        AND coalesce(logged.audit_id, held.audit_id) = placed.audit_id
ORDER BY
    coalesce(logged.tenant_id, held.tenant_id, placed.tenant_id) ASC,
    coalesce(logged.audit_id, held.audit_id, placed.audit_id) ASC
LIMIT $4;
