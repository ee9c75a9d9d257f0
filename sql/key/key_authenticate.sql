-- name: key_authenticate :maybe
-- Find the identity behind the sha256 of a key; nothing for an unknown, revoked or
-- expired one.
--
-- param: $1 key_hash bytea
-- returns: tenant_id uuid, tenant_name text, governance_agent_id uuid,
--     governance_agent_name text, key_id uuid, scopes text[], expires_at timestamptz,
--     last_used_at timestamptz
-- raises: -
-- isolation: read committed
-- call: text
-- role: app
SELECT
    identity.tenant_id,
    identity.tenant_name,
    identity.governance_agent_id,
    identity.governance_agent_name,
    identity.key_id,
    identity.scopes,
    identity.expires_at,
    identity.last_used_at
FROM app.authenticate($1) AS identity;
