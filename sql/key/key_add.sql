-- name: key_add :one
-- Store the sha256 of a new key with its scopes and expiry.
--
-- param: $1 tenant_id uuid
-- param: $2 governance_agent_id uuid
-- param: $3 key_hash bytea
-- param: $4 scopes text[]
-- param: $5 expires_at timestamptz
-- returns: id uuid, created_at timestamptz
-- raises: -
-- isolation: read committed
-- call: text
-- role: owner
INSERT INTO app.api_key (tenant_id, governance_agent_id, key_hash, scopes, expires_at)
VALUES ($1, $2, $3, $4, $5)
RETURNING api_key.id, api_key.created_at;
