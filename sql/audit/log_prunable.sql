-- name: log_prunable :maybe
-- Say how far a tenant's log can be pruned, and what that would empty.
--
-- As far as is asked and sealed. What is emptied are documents of versions that are not the last
-- of what they are of; prunings themselves keep theirs. first is the position of the first of
-- these, 0 where there is none.
--
-- param: $1 tenant_id uuid
-- param: $2 through bigint
-- param: $3 size bigint
-- returns: through bigint, log_index bigint, leaf_hash bytea, first bigint, documents bigint,
--     bytes bigint
-- raises: -
-- isolation: read committed
-- call: text
-- role: worker
SELECT
    ended.pos AS through,
    ended.log_index,
    ended.leaf_hash,
    held.first,
    held.documents,
    held.bytes
FROM (
    SELECT
        place.pos,
        place.log_index,
        place.leaf_hash
    FROM audit.position AS place
    WHERE place.tenant_id = $1 AND place.pos <= $2 AND place.log_index < $3
    ORDER BY place.pos DESC
    LIMIT 1
) AS ended
CROSS JOIN
    LATERAL (
        SELECT
            coalesce(min(place.pos), 0) AS first,
            count(*) AS documents,
            coalesce(sum(octet_length(payload.body)), 0)::bigint AS bytes
        FROM audit.position AS place
        INNER JOIN audit.entry
            ON place.tenant_id = entry.tenant_id AND place.audit_id = entry.audit_id
        INNER JOIN audit.payload
            ON place.tenant_id = payload.tenant_id AND place.audit_id = payload.audit_id
        INNER JOIN audit.entry AS later
            ON
                entry.tenant_id = later.tenant_id
                AND entry.entity_id = later.entity_id
                AND entry.version + 1 = later.version
        WHERE
            place.tenant_id = $1
            AND place.pos <= ended.pos
            AND payload.body IS NOT NULL
            AND entry.entity_type <> 'log'
    ) AS held;
