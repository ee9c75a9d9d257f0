-- name: log_archive_page :many
-- Read a tenant's log behind a position, as it is written into a file before it is pruned.
--
-- All of it: drafts of whatever governance agent. state says what is known of the document:
-- shown; erased, or withheld where the entry that says so is behind the last position; pruned,
-- where an earlier file has it.
--
-- param: $1 tenant_id uuid
-- param: $2 after_position bigint
-- param: $3 last_position bigint
-- param: $4 count bigint
-- returns: pos bigint, entry text, state text, salt bytea, document text, leaf_hash bytea
-- raises: -
-- isolation: repeatable read
-- call: text
-- role: worker
SELECT
    place.pos,
    convert_from(
        audit.entry_bytes(
            entry.tenant_id, entry.entity_type, entry.entity_id, entry.version,
            entry.operation, entry.actor, entry.key, entry.at,
            entry.payload_hash, entry.prev_hash
        ), 'UTF8'
    ) AS entry,
    CASE
        WHEN payload.body IS NOT NULL THEN 'shown'
        ELSE (
            SELECT
                CASE
                    WHEN bool_or(coalesce(said.pos <= $3, FALSE)) THEN 'erased'
                    WHEN count(*) > 0 THEN 'withheld'
                    WHEN place.pos <= (
                        SELECT max(prune.through) FROM audit.prune
                        WHERE prune.tenant_id = $1
                    ) THEN 'pruned'
                    ELSE 'erased'
                END AS state
            FROM audit.entry AS erasure
            LEFT OUTER JOIN audit.position AS said
                ON erasure.tenant_id = said.tenant_id AND erasure.audit_id = said.audit_id
            WHERE
                erasure.tenant_id = $1
                AND erasure.entity_id = entry.entity_id
                AND erasure.version > entry.version
                AND erasure.operation = 'erase'
        )
    END AS state,
    payload.salt,
    payload.body AS document,
    place.leaf_hash
FROM audit.position AS place
INNER JOIN audit.entry ON place.tenant_id = entry.tenant_id AND place.audit_id = entry.audit_id
LEFT OUTER JOIN audit.payload
    ON place.tenant_id = payload.tenant_id AND place.audit_id = payload.audit_id
WHERE place.tenant_id = $1 AND place.pos > $2 AND place.pos <= $3
ORDER BY place.pos ASC
LIMIT $4;
