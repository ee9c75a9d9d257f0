-- name: import_discard :one
-- Remove the staged lines of an import, and those of dead imports of this agent.
--
-- param: $1 import_id uuid
-- returns: removed bigint
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
SELECT app.import_discard($1) AS removed;
