-- name: key_revoke :maybe
-- Revoke a key; one that is revoked already keeps its time.
--
-- param: $1 key_id uuid
-- returns: key_id uuid, revoked_at timestamptz
-- raises: -
-- isolation: read committed
-- call: text
-- role: owner
UPDATE app.api_key
SET revoked_at = coalesce(api_key.revoked_at, now())
WHERE api_key.id = $1
RETURNING api_key.id AS key_id, api_key.revoked_at;
