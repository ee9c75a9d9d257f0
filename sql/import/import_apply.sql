-- name: import_apply :many
-- Apply one chunk of an import and tell what became of each line. With keep it stays known
-- which entities the lines were about, until the import ends.
--
-- param: $1 import_id uuid
-- param: $2 chunk bigint
-- param: $3 as_active boolean
-- param: $4 keep boolean
-- returns: line bigint, outcome text, id uuid, external_id text, problem jsonb
-- raises: unauthenticated, scope-missing
-- isolation: read committed
-- call: function
-- role: app
SELECT
    applied.line,
    applied.outcome,
    applied.id,
    applied.external_id,
    applied.problem
FROM app.import_apply($1, $2, $3, $4) AS applied
ORDER BY applied.line ASC
LIMIT 1000000;
