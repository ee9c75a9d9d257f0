-- name: amendment_step :one
-- Take one step of the open amendment of an entity; certifying it changes the entity.
--
-- param: $1 kind text
-- param: $2 id uuid
-- param: $3 etags text
-- param: $4 to_status text
-- param: $5 reason text
-- param: $6 request jsonb
-- returns: id uuid, version integer, document text, etag text, audit_id uuid,
--     entry_hash bytea, status integer, replayed boolean, entity_etag text
-- raises: not-found, precondition-failed, step-not-allowed, scope-missing, own-work,
--     amendment-outdated, rule-violated, name-taken, external-id-taken, code-taken,
--     parent-cycle, reference-not-found, certified-is-immutable, invalid-body,
--     unauthenticated, idempotency-in-progress, idempotency-key-reused
-- isolation: read committed
-- call: function
-- role: app
SELECT
    answer.id,
    answer.version,
    answer.document,
    answer.etag,
    answer.audit_id,
    answer.entry_hash,
    answer.status,
    answer.replayed,
    answer.entity_etag
FROM app.amendment_step_once($1, $2, $3, $4, $5, $6) AS answer;
