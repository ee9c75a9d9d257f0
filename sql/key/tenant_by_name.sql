-- name: tenant_by_name :maybe
-- Find a tenant by name.
--
-- param: $1 name text
-- returns: tenant_id uuid
-- raises: -
-- isolation: read committed
-- call: text
-- role: owner
SELECT tenant.tenant_id
FROM app.tenant
WHERE tenant.name = $1;
