-- name: entity_step :one
-- Take one life-cycle step of an entity.
--
-- param: $1 kind text
-- param: $2 id uuid
-- param: $3 etags text
-- param: $4 to_status text
-- param: $5 reason text
-- param: $6 successor_id uuid
-- returns: id uuid, version integer, document text, etag text, audit_id uuid,
--     entry_hash bytea
-- raises: not-found, precondition-failed, step-not-allowed, scope-missing, own-work,
--     rule-violated, in-use, reference-not-found, invalid-body, name-taken,
--     unauthenticated
-- isolation: read committed
-- call: function
-- role: app
SELECT
    written.id,
    written.version,
    written.document,
    written.etag,
    written.audit_id,
    written.entry_hash
FROM app.entity_step($1, $2, $3, $4, $5, $6) AS written;
