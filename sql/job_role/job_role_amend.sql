-- name: job_role_amend :one
-- Change the given fields of a job role; custom_attributes are merged.
--
-- param: $1 id uuid
-- param: $2 etags text
-- param: $3 patch jsonb
-- returns: id uuid, version integer, document text, etag text, audit_id uuid,
--     entry_hash bytea
-- raises: not-found, precondition-failed, certified-is-immutable, step-not-allowed,
--     parent-cycle, name-taken, external-id-taken, reference-not-found, invalid-body,
--     scope-missing, unauthenticated
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
FROM
    app.job_role_amend(
        ARRAY[$1::uuid],
        ARRAY[$2::text],
        ARRAY[app.resolved_body('job_role', $3::jsonb)],
        TRUE,
        NULL
    ) AS written;
