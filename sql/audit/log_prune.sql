-- name: log_prune :one
-- Empty the documents of a tenant's log up to a position; the log says which file has them.
--
-- param: $1 tenant_id uuid
-- param: $2 through bigint
-- param: $3 archive text
-- param: $4 digest bytea
-- returns: version integer, audit_id uuid, entry_hash bytea, emptied bigint
-- raises: not-found
-- isolation: repeatable read
-- call: text
-- role: owner
SELECT
    pruned.version,
    pruned.audit_id,
    pruned.entry_hash,
    pruned.emptied
FROM audit.prune_log($1, $2, $3, $4) AS pruned;
