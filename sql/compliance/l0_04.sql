-- name: l0_04 :many
-- L0-04: versions are complete from 1 (or from a restore entry) and every link hashes.
-- Asks the log alone, with hashes of its own; a body that the caller may not see is not asked.
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
        entry.entry_hash,
        entry.prev_hash,
        sha256(convert_to(
            '["plant-entry/v1","' || entry.tenant_id || '","' || entry.entity_type || '","'
            || entry.entity_id || '",' || entry.version || ',"' || entry.operation || '","'
            || entry.actor || '","' || entry.key || '",'
            || (extract(EPOCH FROM entry.at) * 1000000)::bigint
            || ',"' || encode(entry.payload_hash, 'hex') || '","'
            || encode(entry.prev_hash, 'hex') || '"]',
            'UTF8'
        )) AS recomputed,
        entry.payload_hash
        <> sha256(payload.salt || convert_to(payload.body, 'UTF8')) AS body_differs,
        payload.body,
        lag(entry.entry_hash, 1, decode(repeat('00', 32), 'hex')) OVER earlier AS link,
        coalesce(
            lag(entry.version) OVER earlier + 1,
            CASE entry.operation WHEN 'restore' THEN entry.version ELSE 1 END
        ) AS expected,
        lead(entry.version) OVER earlier IS NULL AS is_last
    FROM audit.entry
    LEFT OUTER JOIN audit.payload
        ON entry.tenant_id = payload.tenant_id AND entry.audit_id = payload.audit_id
    WHERE entry.entity_id = $1
    WINDOW earlier AS (ORDER BY entry.version ASC)
)

SELECT
    CASE
        WHEN chain.version IS NULL THEN 'It has no entry in the log.'
        ELSE 'Version ' || chain.version || fault.message
    END AS message,
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
        (chain.body_differs, ' has another body than was hashed.'),
        (chain.is_last AND base_entity.version <> chain.version, ' is the last, not the current.'),
        (
            chain.is_last AND base_entity.version_hash <> chain.entry_hash,
            ' is not what is current.'
        ),
        (chain.is_last AND base_entity.document <> chain.body, ' is not what is served.')
    ) AS fault (is_found, message)
WHERE base_entity.id = $1 AND fault.is_found
ORDER BY chain.version ASC, fault.message ASC
LIMIT 100;
