-- name: import_archive :many
-- Archive those of a page of absent entities of a kind on which nothing in force depends;
-- the others are waiting. Pages go from the highest number to the lowest.
--
-- param: $1 import_id uuid
-- param: $2 kind text
-- param: $3 after bigint
-- returns: line bigint, outcome text, id uuid, external_id text, problem jsonb
-- raises: unauthenticated, scope-missing
-- isolation: read committed
-- call: function
-- role: app
SELECT
    archived.line,
    archived.outcome,
    archived.id,
    archived.external_id,
    archived.problem
FROM app.import_archive($1, $2, $3) AS archived
ORDER BY archived.line DESC
LIMIT 500;
