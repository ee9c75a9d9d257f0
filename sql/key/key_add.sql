-- name: key_add :one
-- Store the sha256 of a new key with its scopes and expiry, or a row for tokens of an issuer.
--
-- param: $1 tenant_id uuid
-- param: $2 governance_agent_id uuid
-- param: $3 key_hash bytea
-- param: $4 scopes text[]
-- param: $5 expires_at timestamptz
-- param: $6 issuer text
-- returns: id uuid, created_at timestamptz
-- raises: -
-- isolation: read committed
-- call: text
-- role: owner
INSERT INTO app.api_key (
    tenant_id, governance_agent_id, key_hash, scopes, expires_at, issuer
)
VALUES ($1, $2, $3, $4, $5, $6)
RETURNING api_key.id, api_key.created_at;
