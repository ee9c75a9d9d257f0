-- name: amendment_step :one
-- Take one step of the open amendment of an entity; certifying it changes the entity.
--
-- param: $1 kind text
-- param: $2 id uuid
-- param: $3 etags text
-- param: $4 to_status text
-- param: $5 reason text
-- returns: id uuid, version integer, document text, etag text, audit_id uuid,
--     entry_hash bytea, entity_etag text
-- raises: not-found, precondition-failed, step-not-allowed, scope-missing, own-work,
--     amendment-outdated, rule-violated, name-taken, external-id-taken, code-taken,
--     parent-cycle, reference-not-found, certified-is-immutable, invalid-body,
--     unauthenticated
-- isolation: read committed
-- call: function
-- role: app
SELECT
    stepped.id,
    stepped.version,
    stepped.document,
    stepped.etag,
    stepped.audit_id,
    stepped.entry_hash,
    stepped.entity_etag
FROM app.amendment_take_step($1, $2, $3, $4, $5) AS stepped;
