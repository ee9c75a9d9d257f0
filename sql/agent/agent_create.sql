-- name: agent_create :one
-- Create an agent as a draft of the caller's governance agent.
--
-- param: $1 body jsonb
-- returns: id uuid, version integer, document text, etag text, audit_id uuid,
--     entry_hash bytea
-- raises: name-taken, external-id-taken, reference-not-found, invalid-body,
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
    app.agent_create(
        ARRAY[uuidv7()], ARRAY[app.resolved_body('agent', $1::jsonb)], 'draft'
    ) AS written;
