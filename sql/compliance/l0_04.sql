-- name: l0_04 :many
-- L0-04: versions are complete from 1 (or from a restore entry) and every link hashes.
-- Asks the log with hashes of its own, and whether what is served is what the last entry and
-- the tables say. A body that the caller may not see, of a version written as another
-- governance agent's draft, is not asked. What was erased or pruned is empty.
--
-- param: $1 id uuid
-- returns: message text, entity_id uuid
-- raises: -
-- isolation: repeatable read
-- call: function
-- role: app
WITH chain AS (
    SELECT
        entry.version,
        entry.audit_id,
        entry.entry_hash,
        entry.prev_hash,
        payload.body,
        sha256(convert_to(format(
            '["plant-entry/v1","%s","%s","%s",%s,"%s","%s","%s",%s,"%s","%s"]',
            entry.tenant_id, entry.entity_type, entry.entity_id, entry.version, entry.operation,
            entry.actor, entry.key, (extract(EPOCH FROM entry.at) * 1000000)::bigint,
            encode(entry.payload_hash, 'hex'), encode(entry.prev_hash, 'hex')
        ), 'UTF8')) AS recomputed,
        sha256(payload.salt || convert_to(payload.body, 'UTF8')) <> entry.payload_hash AS differs,
        max(entry.version)
        FILTER (WHERE entry.operation IN ('create', 'withdraw', 'reject', 'restore'))
            OVER earlier AS drafted,
        max(entry.version)
        FILTER (WHERE entry.operation = any('{submit,certify,activate,deprecate,archive,import}'))
            OVER earlier AS shown,
        lag(entry.entry_hash, 1, decode(repeat('00', 32), 'hex')) OVER earlier AS link,
        lag(entry.version, 1, CASE entry.operation WHEN 'restore' THEN entry.version - 1 ELSE 0 END)
            OVER earlier
        + 1 AS expected,
        lead(entry.version) OVER earlier IS NULL AS is_last
    FROM audit.entry
    LEFT OUTER JOIN audit.payload
        ON entry.tenant_id = payload.tenant_id AND entry.audit_id = payload.audit_id
    WHERE entry.entity_id = $1
    WINDOW earlier AS (ORDER BY entry.version ASC)
)

SELECT
    coalesce('Version ' || chain.version || fault.message, 'The log has no entry.') AS message,
    NULL::uuid AS entity_id
FROM app.base_entity
LEFT OUTER JOIN chain ON TRUE
CROSS JOIN
    LATERAL (
        VALUES
        (chain.version IS NULL, ''),
        (chain.version <> chain.expected, ' follows a hole.'),
        (chain.entry_hash <> chain.recomputed, ' does not hash to its entry.'),
        (chain.prev_hash <> chain.link, ' is not linked to the one before.'),
        (chain.differs, ' has another body than was hashed.'),
        (
            chain.version IS NOT NULL AND chain.body IS NULL
            AND app.document_gone(chain.audit_id) IS NULL AND (
                chain.shown > coalesce(chain.drafted, 0)
                OR base_entity.governance_agent_id = app.governance_agent_id()
            ), ' has no body.'
        ),
        (chain.is_last AND base_entity.version <> chain.version, ' is the last, not the current.'),
        (chain.is_last AND base_entity.last_entry_id <> chain.audit_id, ' is not what is current.'),
        (chain.is_last AND base_entity.version_hash <> chain.entry_hash, ' has another hash.'),
        (chain.is_last AND base_entity.document <> chain.body, ' is not what is served.'),
        (chain.is_last AND NOT app.is_rendered(base_entity), ' is served unlike the tables.')
    ) AS fault (is_found, message)
WHERE base_entity.id = $1 AND fault.is_found
ORDER BY chain.version ASC, fault.message ASC
LIMIT 100;
