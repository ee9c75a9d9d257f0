-- name: proof_entry :maybe
-- Find the entry of a version of an entity, its document, its place in the log, and the latest
-- checkpoint, all of one moment.
--
-- The version is the last one within the bounds: the first and the largest number there can be
-- for the present one, twice the same number for any other. What row security on audit.payload
-- hides is not found. Salt and document are null once they are erased, the place while the
-- sequencer has not come to it, the checkpoint before the first.
--
-- param: $1 kind text
-- param: $2 id uuid
-- param: $3 least_version integer
-- param: $4 most_version integer
-- returns: version integer, audit_id uuid, entry text, salt bytea, document text,
--     log_index bigint, pos bigint, tenant_prev bytea,
--     incarnation integer, size bigint, root bytea, note text, cosignatures text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: entry_version_key
-- plan: payload_pkey
-- plan: position_entry_key
SELECT
    newest.version,
    newest.audit_id,
    convert_from(newest.entry, 'UTF8') AS entry,
    payload.salt,
    payload.body AS document,
    place.log_index,
    place.pos,
    place.tenant_prev,
    sealed.incarnation,
    sealed.size,
    sealed.root,
    sealed.note,
    sealed.cosignatures
FROM (
    SELECT
        entry.version,
        entry.audit_id,
        audit.entry_bytes(
            entry.tenant_id, entry.entity_type, entry.entity_id, entry.version,
            entry.operation, entry.actor, entry.key, entry.at,
            entry.payload_hash, entry.prev_hash
        ) AS entry
    FROM audit.entry
    WHERE
        entry.entity_type = $1
        AND entry.entity_id = $2
        AND entry.version BETWEEN $3 AND $4
    ORDER BY entry.version DESC
    LIMIT 1
) AS newest
INNER JOIN audit.payload ON newest.audit_id = payload.audit_id
LEFT OUTER JOIN audit.position AS place ON newest.audit_id = place.audit_id
LEFT OUTER JOIN
    LATERAL (
        SELECT
            checkpoint.incarnation,
            checkpoint.size,
            checkpoint.root,
            checkpoint.note,
            (
                SELECT
                    coalesce(
                        string_agg(cosignature.line, '' ORDER BY cosignature.witness ASC), ''
                    )
                FROM audit.cosignature
                WHERE
                    cosignature.incarnation = checkpoint.incarnation
                    AND cosignature.size = checkpoint.size
            ) AS cosignatures
        FROM audit.checkpoint
        ORDER BY checkpoint.incarnation DESC, checkpoint.size DESC
        LIMIT 1
    ) AS sealed
    ON TRUE;
