-- name: verify_amendments :many
-- Read amendments, each with whether it is what the last entry of its log says, and its columns
-- what its document says.
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
-- plan: amendment_pkey
-- plan: entry_version_key
-- plan: payload_pkey
SELECT
    amendment.tenant_id,
    amendment.id,
    'amendment' AS kind,
    amendment.version,
    CASE
        WHEN newest.version IS NULL THEN 'unlogged'
        WHEN newest.entity_type <> 'amendment' THEN 'kind'
        WHEN newest.version <> amendment.version THEN 'version'
        WHEN newest.audit_id <> amendment.last_entry_id THEN 'entry'
        WHEN newest.entry_hash <> amendment.version_hash THEN 'hash'
        WHEN (payload.body IS DISTINCT FROM amendment.document) THEN 'document'
        WHEN newest.at <> amendment.updated_at THEN 'time'
        WHEN
            amendment.document IS NOT JSON
            OR NOT amendment.document::jsonb @> jsonb_build_object(
                'id', amendment.entity_id,
                'entity_type', amendment.entity_type,
                'status', amendment.status,
                'version', amendment.version,
                'base_version', amendment.base_version,
                'governance_agent_id', amendment.governance_agent_id,
                'amendment_id', amendment.id
            )
            THEN 'rows'
    END AS fault
FROM app.amendment
LEFT OUTER JOIN
    LATERAL (
        SELECT
            entry.audit_id,
            entry.entity_type,
            entry.version,
            entry.at,
            entry.entry_hash
        FROM audit.entry
        WHERE entry.tenant_id = amendment.tenant_id AND entry.entity_id = amendment.id
        ORDER BY entry.version DESC
        LIMIT 1
    ) AS newest
    ON TRUE
LEFT OUTER JOIN audit.payload
    ON amendment.tenant_id = payload.tenant_id AND newest.audit_id = payload.audit_id
WHERE (amendment.tenant_id, amendment.id) > ($1, $2) AND amendment.tenant_id <= $3
ORDER BY amendment.tenant_id ASC, amendment.id ASC
LIMIT $4;
