-- name: amendment_propose :one
-- Open the amendment of an entity in force, or change the caller's own open draft of one.
--
-- param: $1 kind text
-- param: $2 id uuid
-- param: $3 etags text
-- param: $4 patch jsonb
-- returns: id uuid, version integer, document text, etag text, audit_id uuid,
--     entry_hash bytea
-- raises: not-found, precondition-failed, not-in-force, amendment-open, amendment-outdated,
--     step-not-allowed, immutable-field, parent-cycle, reference-not-found, invalid-body,
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
    app.amendment_propose(
        $1::text, $2::uuid, $3::text, app.resolved_body($1, $4::jsonb)
    ) AS written;
