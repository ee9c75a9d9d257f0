-- name: tenants_list :many
-- List tenants by name, with how many keys each has that still work.
--
-- returns: tenant_id uuid, name text, created_at timestamptz, keys bigint
-- raises: -
-- isolation: read committed
-- call: text
-- role: owner
SELECT
    tenant.tenant_id,
    tenant.name,
    tenant.created_at,
    (
        SELECT count(*)
        FROM app.api_key
        WHERE
            api_key.tenant_id = tenant.tenant_id
            AND api_key.revoked_at IS NULL
            AND (api_key.expires_at IS NULL OR api_key.expires_at > now())
    ) AS keys
FROM app.tenant
ORDER BY tenant.name ASC
LIMIT 100000;
