-- name: import_take_absent :many
-- Take the next page of what is absent and was not archived, with what depends on each when
-- that is why.
--
-- param: $1 import_id uuid
-- param: $2 dependents boolean
-- returns: line bigint, outcome text, id uuid, external_id text, problem jsonb
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
SELECT
    taken.line,
    taken.outcome,
    taken.id,
    taken.external_id,
    taken.problem
FROM app.import_take_absent($1, $2) AS taken
ORDER BY taken.line DESC
LIMIT 500;
