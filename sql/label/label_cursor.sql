-- name: label_cursor :one
-- Tell up to which position of its log a tenant is embedded, and how far that log goes.
--
-- param: $1 tenant_id uuid
-- param: $2 embedder text
-- returns: pos bigint, last_pos bigint
-- raises: -
-- isolation: read committed
-- call: text
-- role: worker
-- plan: label_cursor_pkey
-- plan: position_pos_key
SELECT
    coalesce(
        (
            SELECT label_cursor.pos
            FROM app.label_cursor
            WHERE label_cursor.tenant_id = $1 AND label_cursor.embedder = $2
        ),
        0
    ) AS pos,
    coalesce(
        (
            SELECT position.pos
            FROM audit.position
            WHERE position.tenant_id = $1
            ORDER BY position.pos DESC
            LIMIT 1
        ),
        0
    ) AS last_pos;
