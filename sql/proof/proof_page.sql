-- name: proof_page :many
-- Read the tenant's log behind a position, as it is exported for proof: entries and documents.
--
-- state says what is known of the document: shown, withheld (written as another governance
-- agent's draft, so that row security on audit.payload hides it), pruned, or erased. What was
-- erased is withheld as long as the entry that says so is behind the last position.
--
-- param: $1 after_position bigint
-- param: $2 last_position bigint
-- param: $3 count bigint
-- returns: pos bigint, entry text, state text, salt bytea, document text, leaf_hash bytea
-- raises: -
-- isolation: repeatable read
-- call: function
-- role: app
-- plan: position_pos_key
-- plan: entry_pkey
-- plan: payload_pkey
-- set: plan_cache_mode = force_generic_plan
SELECT
    place.pos,
    convert_from(logged.entry, 'UTF8') AS entry,
    CASE
        WHEN kept.audit_id IS NULL THEN 'withheld'
        WHEN kept.body IS NOT NULL THEN 'shown'
        WHEN (
            SELECT bool_or(coalesce(said.pos <= $2, FALSE))
            FROM audit.entry AS erasure
            LEFT OUTER JOIN audit.position AS said ON erasure.audit_id = said.audit_id
            WHERE
                erasure.entity_id = logged.entity_id
                AND erasure.version > logged.version
                AND erasure.operation = 'erase'
        ) IS FALSE THEN 'withheld'
        WHEN app.document_gone(kept.audit_id) LIKE 'pruned %' THEN 'pruned'
        ELSE 'erased'
    END AS state,
    kept.salt,
    kept.body AS document,
    place.leaf_hash
FROM audit.position AS place
CROSS JOIN
    LATERAL (
        SELECT
            entry.entity_id,
            entry.version,
            audit.entry_bytes(
                entry.tenant_id, entry.entity_type, entry.entity_id, entry.version,
                entry.operation, entry.actor, entry.key, entry.at,
                entry.payload_hash, entry.prev_hash
            ) AS entry
        FROM audit.entry
        WHERE entry.audit_id = place.audit_id
        ORDER BY entry.audit_id ASC
        LIMIT 1
    ) AS logged
LEFT OUTER JOIN
    LATERAL (
        SELECT
            payload.audit_id,
            payload.salt,
            payload.body
        FROM audit.payload
        WHERE payload.audit_id = place.audit_id
        ORDER BY payload.audit_id ASC
        LIMIT 1
    ) AS kept
    ON TRUE
WHERE place.pos > $1 AND place.pos <= $2
ORDER BY place.pos ASC
LIMIT $3;
