-- name: labels_behind :many
-- List tenants whose log goes on behind what is embedded of it, those with the least first.
--
-- The tenants are found by one look-up each, as few have many entries.
--
-- param: $1 embedder text
-- param: $2 count bigint
-- returns: tenant_id uuid, behind bigint
-- raises: -
-- isolation: read committed
-- call: text
-- role: worker
-- plan: position_pos_key
WITH RECURSIVE tenant AS (
    (
        SELECT position.tenant_id
        FROM audit.position
        ORDER BY position.tenant_id ASC
        LIMIT 1
    )
    UNION ALL
    SELECT
        (
            SELECT position.tenant_id
            FROM audit.position
            WHERE position.tenant_id > tenant.tenant_id
            ORDER BY position.tenant_id ASC
            LIMIT 1
        )
    FROM tenant
    WHERE tenant.tenant_id IS NOT NULL
)

SELECT
    tenant.tenant_id,
    newest.pos - coalesce(label_cursor.pos, 0) AS behind
FROM tenant
CROSS JOIN
    LATERAL (
        SELECT position.pos
        FROM audit.position
        WHERE position.tenant_id = tenant.tenant_id
        ORDER BY position.pos DESC
        LIMIT 1
    ) AS newest
LEFT OUTER JOIN app.label_cursor
    ON tenant.tenant_id = label_cursor.tenant_id AND label_cursor.embedder = $1
WHERE newest.pos > coalesce(label_cursor.pos, 0)
ORDER BY behind ASC, tenant.tenant_id ASC
LIMIT $2;
