-- name: import_find_absent :one
-- Find what is in the registry and not in an import: how many entities, and how many lines of
-- the import could belong to one of them because nobody knows whose they are.
--
-- param: $1 import_id uuid
-- param: $2 begun_at timestamptz
-- returns: absent bigint, unreadable bigint
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
SELECT
    found.absent,
    found.unreadable
FROM app.import_find_absent($1, $2) AS found;
