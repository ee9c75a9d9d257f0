-- name: keys_list :many
-- List keys, newest first, of one tenant or (NULL) of all.
--
-- param: $1 tenant text
-- returns: key_id uuid, tenant text, governance_agent text, scopes text[],
--     created_at timestamptz, expires_at timestamptz, revoked_at timestamptz,
--     last_used_at timestamptz, issuer text
-- raises: -
-- isolation: read committed
-- call: text
-- role: owner
SELECT
    api_key.id AS key_id,
    tenant.name AS tenant,
    governance_agent.name AS governance_agent,
    api_key.scopes,
    api_key.created_at,
    api_key.expires_at,
    api_key.revoked_at,
    api_key.last_used_at,
    api_key.issuer
FROM app.api_key
INNER JOIN app.tenant ON api_key.tenant_id = tenant.tenant_id
INNER JOIN app.governance_agent
    ON
        api_key.tenant_id = governance_agent.tenant_id
        AND api_key.governance_agent_id = governance_agent.id
WHERE $1::text IS NULL OR tenant.name = $1
ORDER BY api_key.id DESC
LIMIT 100000;
