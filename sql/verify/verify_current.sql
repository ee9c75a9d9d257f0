-- name: verify_current :many
-- Read entities, each with whether it is what the last entry of its log says.
--
-- param: $1 after_tenant uuid
-- param: $2 after_id uuid
-- param: $3 last_tenant uuid
-- param: $4 count bigint
-- returns: tenant_id uuid, id uuid, kind text, version integer, fault text
-- raises: -
-- isolation: repeatable read
-- call: text
-- role: worker
-- plan: base_entity_pkey
-- plan: entry_version_key
-- plan: payload_pkey
SELECT
    base_entity.tenant_id,
    base_entity.id,
    base_entity.entity_type AS kind,
    base_entity.version,
    CASE
        WHEN newest.version IS NULL THEN 'unlogged'
        WHEN newest.entity_type <> base_entity.entity_type THEN 'kind'
        WHEN newest.version <> base_entity.version THEN 'version'
        WHEN newest.audit_id <> base_entity.last_entry_id THEN 'entry'
        WHEN newest.entry_hash <> base_entity.version_hash THEN 'hash'
        WHEN (payload.body IS DISTINCT FROM base_entity.document) THEN 'document'
        -- A restoration is later than what it brought.
        WHEN newest.at < base_entity.updated_at THEN 'time'
        WHEN newest.at > base_entity.updated_at AND newest.operation <> 'restore' THEN 'time'
        WHEN (base_entity.status = 'archived') <> (base_entity.archived_at IS NOT NULL) THEN 'time'
        -- An erasure is the one version that comes after the end.
        WHEN
            base_entity.archived_at <> base_entity.updated_at
            AND NOT EXISTS (
                SELECT FROM audit.entry AS ended
                WHERE
                    ended.tenant_id = base_entity.tenant_id
                    AND ended.entity_id = base_entity.id
                    AND (
                        ended.at = base_entity.archived_at
                        OR (ended.operation = 'restore' AND ended.at > base_entity.archived_at)
                    )
            )
            THEN 'time'
    END AS fault
FROM app.base_entity
LEFT OUTER JOIN
    LATERAL (
        SELECT
            entry.audit_id,
            entry.entity_type,
            entry.version,
            entry.operation,
            entry.at,
            entry.entry_hash
        FROM audit.entry
        WHERE entry.tenant_id = base_entity.tenant_id AND entry.entity_id = base_entity.id
        ORDER BY entry.version DESC
        LIMIT 1
    ) AS newest
    ON TRUE
LEFT OUTER JOIN audit.payload
    ON base_entity.tenant_id = payload.tenant_id AND newest.audit_id = payload.audit_id
WHERE (base_entity.tenant_id, base_entity.id) > ($1, $2) AND base_entity.tenant_id <= $3
ORDER BY base_entity.tenant_id ASC, base_entity.id ASC
LIMIT $4;
