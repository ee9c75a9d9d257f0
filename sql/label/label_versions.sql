-- name: label_versions :one
-- Tell which versions the entities of a tenant have: later, those that have others have changed.
--
-- param: $1 tenant_id uuid
-- returns: ids uuid[], versions integer[]
-- raises: -
-- isolation: read committed
-- call: text
-- role: owner
SELECT
    found.ids,
    found.versions
FROM app.label_versions($1) AS found;
