-- name: entity_link :one
-- Make one link of an entity, or remove it where the link is the JSON null.
--
-- Where the link already is so, nothing is written and there is no entry to name.
--
-- param: $1 kind text
-- param: $2 id uuid
-- param: $3 etags text
-- param: $4 target_kind text
-- param: $5 target_id uuid
-- param: $6 link jsonb
-- param: $7 request jsonb
-- returns: id uuid, version integer, document text, etag text, audit_id uuid,
--     entry_hash bytea, status integer, replayed boolean
-- raises: not-found, precondition-failed, certified-is-immutable, step-not-allowed,
--     reference-not-found, invalid-body, scope-missing, unauthenticated,
--     idempotency-in-progress, idempotency-key-reused
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
FROM app.link_once($1, $2, $3, $4, $5, $6, $7) AS answer;
