-- name: import_end :one
-- End an import: its staged lines go, and the lock that this session holds for it.
--
-- param: $1 import_id uuid
-- returns: removed bigint
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
SELECT app.import_end($1) AS removed;
