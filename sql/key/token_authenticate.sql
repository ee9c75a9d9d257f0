-- name: token_authenticate :maybe
-- Find the identity that a token stands for; nothing where no row with so few scopes works.
--
-- param: $1 issuer text
-- param: $2 tenant text
-- param: $3 governance_agent text
-- param: $4 scopes text[]
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
FROM app.authenticate_token($1, $2, $3, $4) AS identity;
