-- name: keys_authenticate :many
-- Find the identities behind the sha256 of several keys, each at most once; nothing for unknown,
-- revoked and expired ones.
--
-- That a key was used is noted where its row is free (app.authenticate): whoever holds the row of
-- one of them makes nobody wait.
--
-- param: $1 key_hashes bytea[]
-- returns: tenant_id uuid, tenant_name text, governance_agent_id uuid,
--     governance_agent_name text, key_id uuid, scopes text[], expires_at timestamptz,
--     last_used_at timestamptz, key_hash bytea
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
    identity.last_used_at,
    asked.key_hash
FROM (
    SELECT DISTINCT given.key_hash
    FROM unnest($1::bytea[]) AS given (key_hash)
    ORDER BY given.key_hash
) AS asked
CROSS JOIN LATERAL app.authenticate(asked.key_hash) AS identity
ORDER BY asked.key_hash
LIMIT cardinality($1::bytea[]);
