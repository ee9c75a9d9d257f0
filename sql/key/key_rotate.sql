-- name: key_rotate :maybe
-- Store the sha256 of a new key for the agent and the scopes of one that works, which
-- from then on works for the overlap only.
--
-- param: $1 key_id uuid
-- param: $2 key_hash bytea
-- param: $3 expires_at timestamptz
-- param: $4 overlap interval
-- returns: key_id uuid, tenant_id uuid, governance_agent_id uuid, scopes text[],
--     replaced_until timestamptz
-- raises: -
-- isolation: read committed
-- call: text
-- role: owner
WITH replaced AS (
    UPDATE app.api_key
    SET expires_at = least(api_key.expires_at, now() + $4)
    WHERE
        api_key.id = $1
        AND api_key.issuer IS NULL
        AND api_key.revoked_at IS NULL
        AND (api_key.expires_at IS NULL OR api_key.expires_at > now())
    RETURNING
        api_key.tenant_id, api_key.governance_agent_id, api_key.scopes, api_key.expires_at
),

added AS (
    INSERT INTO app.api_key (tenant_id, governance_agent_id, key_hash, scopes, expires_at)
    SELECT
        replaced.tenant_id,
        replaced.governance_agent_id,
        $2 AS key_hash,
        replaced.scopes,
        $3 AS expires_at
    FROM replaced
    RETURNING api_key.id
)

SELECT
    added.id AS key_id,
    replaced.tenant_id,
    replaced.governance_agent_id,
    replaced.scopes,
    replaced.expires_at AS replaced_until
FROM added
CROSS JOIN replaced;
