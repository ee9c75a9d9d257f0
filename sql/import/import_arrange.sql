-- name: import_arrange :many
-- Order the staged lines of an import into chunks that need nothing from a later one.
--
-- param: $1 import_id uuid
-- param: $2 as_active boolean
-- returns: chunk bigint, kind text, lines bigint
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
SELECT
    arranged.chunk,
    arranged.kind,
    arranged.lines
FROM app.import_arrange($1, $2) AS arranged
ORDER BY arranged.chunk ASC
LIMIT 1000000;
