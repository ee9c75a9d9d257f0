-- name: tenant_add :maybe
-- Make a tenant unless there is one of that name.
--
-- param: $1 name text
-- returns: tenant_id uuid
-- raises: -
-- isolation: read committed
-- call: text
-- role: owner
INSERT INTO app.tenant (name)
VALUES ($1)
ON CONFLICT (name) DO NOTHING
RETURNING tenant.tenant_id;
