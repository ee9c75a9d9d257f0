-- name: skill_create :one
-- Create a skill as a draft of the caller's governance agent.
--
-- param: $1 body jsonb
-- param: $2 request jsonb
-- returns: id uuid, version integer, document text, etag text, audit_id uuid,
--     entry_hash bytea, status integer, replayed boolean
-- raises: name-taken, external-id-taken, reference-not-found, invalid-body,
--     scope-missing, unauthenticated, idempotency-in-progress,
--     idempotency-key-reused, not-found
-- isolation: read committed
-- call: function
-- role: app
-- set: plan_cache_mode = force_generic_plan
SELECT
    answer.id,
    answer.version,
    answer.document,
    answer.etag,
    answer.audit_id,
    answer.entry_hash,
    answer.status,
    answer.replayed
FROM app.create_once('skill', $1::jsonb, $2::jsonb) AS answer;
