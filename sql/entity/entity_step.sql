-- name: entity_step :one
-- Take one life-cycle step of an entity.
--
-- param: $1 kind text
-- param: $2 id uuid
-- param: $3 etags text
-- param: $4 to_status text
-- param: $5 reason text
-- param: $6 successor_id uuid
-- param: $7 request jsonb
-- returns: id uuid, version integer, document text, etag text, audit_id uuid,
--     entry_hash bytea, status integer, replayed boolean
-- raises: not-found, precondition-failed, step-not-allowed, scope-missing, own-work,
--     rule-violated, in-use, reference-not-found, invalid-body, name-taken,
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
    answer.replayed
FROM app.step_once($1, $2, $3, $4, $5, $6, $7) AS answer;
