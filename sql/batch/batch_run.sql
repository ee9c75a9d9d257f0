-- name: batch_run :one
-- Do several operations, all of them or none.
--
-- An error names the place of its operation, from 0, in its hint.
--
-- param: $1 operations jsonb
-- param: $2 request jsonb
-- returns: ids uuid[], versions integer[], etags text[], audit_ids uuid[],
--     entry_hashes bytea[], replayed boolean
-- raises: not-found, precondition-failed, certified-is-immutable, step-not-allowed,
--     parent-cycle, name-taken, external-id-taken, reference-not-found, invalid-body,
--     own-work, rule-violated, in-use, scope-missing, unauthenticated,
--     idempotency-in-progress, idempotency-key-reused
-- isolation: read committed
-- call: function
-- role: app
SELECT
    answer.ids,
    answer.versions,
    answer.etags,
    answer.audit_ids,
    answer.entry_hashes,
    answer.replayed
FROM app.batch_once($1, $2) AS answer;
