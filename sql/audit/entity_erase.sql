-- name: entity_erase :one
-- Empty the past of an entity of its content; the log keeps its entries and says who did it.
--
-- param: $1 kind text
-- param: $2 id uuid
-- returns: id uuid, version integer, status text, etag text, audit_id uuid, entry_hash bytea,
--     amendments bigint
-- raises: not-found, scope-missing, unauthenticated, amendment-open
-- isolation: read committed
-- call: function
-- role: app
SELECT
    erased.id,
    erased.version,
    erased.status,
    erased.etag,
    erased.audit_id,
    erased.entry_hash,
    erased.amendments
FROM app.entity_erase($1, $2) AS erased;
