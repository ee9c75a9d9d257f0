-- name: amendment_propose :one
-- Open the amendment of an entity in force, or change the caller's own open draft of one.
--
-- param: $1 kind text
-- param: $2 id uuid
-- param: $3 etags text
-- param: $4 patch jsonb
-- param: $5 request jsonb
-- returns: id uuid, version integer, document text, etag text, audit_id uuid,
--     entry_hash bytea, status integer, replayed boolean
-- raises: not-found, precondition-failed, not-in-force, amendment-open, amendment-outdated,
--     step-not-allowed, immutable-field, parent-cycle, reference-not-found, invalid-body,
--     scope-missing, unauthenticated, idempotency-in-progress, idempotency-key-reused
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
FROM app.amendment_propose_once($1, $2, $3, $4, $5) AS answer;
