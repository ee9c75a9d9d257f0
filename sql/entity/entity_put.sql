-- name: entity_put :one
-- Create what has an external id, or make it what is sent.
--
-- Where it is so already, nothing is written and there is no entry to name.
--
-- param: $1 kind text
-- param: $2 external_id text
-- param: $3 etags text
-- param: $4 is_new boolean
-- param: $5 body jsonb
-- param: $6 request jsonb
-- returns: id uuid, version integer, document text, etag text, audit_id uuid,
--     entry_hash bytea, status integer, replayed boolean
-- raises: not-found, precondition-failed, certified-is-immutable, step-not-allowed,
--     parent-cycle, name-taken, external-id-taken, reference-not-found, invalid-body,
--     scope-missing, unauthenticated, idempotency-in-progress,
--     idempotency-key-reused
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
FROM app.put_once($1, $2, $3, $4, $5, $6) AS answer;
