-- name: import_begin :one
-- Begin an import in this session, and remove what dead imports of this agent left.
--
-- param: $1 import_id uuid
-- returns: removed bigint, begun_at timestamptz
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
SELECT
    app.import_begin($1) AS removed,
    clock_timestamp() AS begun_at;
