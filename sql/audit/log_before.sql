-- name: log_before :maybe
-- Find the last position of a tenant's log before a time: all up to it are older.
--
-- param: $1 tenant_id uuid
-- param: $2 before timestamptz
-- returns: pos bigint
-- raises: -
-- isolation: read committed
-- call: text
-- role: worker
SELECT place.pos
FROM audit.position AS place
WHERE
    place.tenant_id = $1
    AND place.pos < coalesce((
        SELECT min(younger.pos)
        FROM audit.position AS younger
        INNER JOIN audit.entry
            ON younger.tenant_id = entry.tenant_id AND younger.audit_id = entry.audit_id
        WHERE younger.tenant_id = $1 AND entry.at >= $2
    ), 9223372036854775807)
ORDER BY place.pos DESC
LIMIT 1;
