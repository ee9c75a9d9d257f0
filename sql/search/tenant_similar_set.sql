-- name: tenant_similar_set :maybe
-- Say from which score on a tenant takes two entities for the same; null: as the service does.
--
-- param: $1 name text
-- param: $2 similar_min real
-- returns: tenant_id uuid, name text, similar_min real
-- raises: -
-- isolation: read committed
-- call: text
-- role: owner
UPDATE app.tenant
SET similar_min = $2::real
WHERE tenant.name = $1::text
RETURNING tenant.tenant_id, tenant.name, tenant.similar_min;
