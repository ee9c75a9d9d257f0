-- name: tenant_similar_by_name :maybe
-- Read from which score on a tenant takes two entities for the same; null: as the service does.
--
-- The shortest number that stands for what is kept is given: 0.9, not 0.899999976.
--
-- param: $1 name text
-- returns: tenant_id uuid, name text, similar_min double precision
-- raises: -
-- isolation: read committed
-- call: text
-- role: owner
SELECT
    tenant.tenant_id,
    tenant.name,
    tenant.similar_min::text::double precision AS similar_min
FROM app.tenant
WHERE tenant.name = $1::text;
