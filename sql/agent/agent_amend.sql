-- name: agent_amend :one
-- Change the given fields of an agent; custom_attributes are merged.
--
-- param: $1 id uuid
-- param: $2 etags text
-- param: $3 patch jsonb
-- param: $4 request jsonb
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
FROM app.amend_once('agent', $1::uuid, $2::text, $3::jsonb, $4::jsonb) AS answer;
