-- name: keys_count :one
-- Count tenants and keys, and name the working key that expires first before a time.
--
-- param: $1 before timestamptz
-- returns: tenants bigint, active bigint, expired bigint, revoked bigint, expiring bigint,
--     first_id uuid, first_at timestamptz
-- raises: -
-- isolation: read committed
-- call: text
-- role: owner
WITH stated AS (
    SELECT
        api_key.id,
        api_key.expires_at,
        CASE
            WHEN api_key.revoked_at IS NOT NULL THEN 'revoked'
            WHEN api_key.expires_at <= now() THEN 'expired'
            WHEN api_key.expires_at <= $1::timestamptz THEN 'expiring'
            ELSE 'active'
        END AS state
    FROM app.api_key
)

SELECT
    (SELECT count(*) FROM app.tenant) AS tenants,
    count(*) FILTER (WHERE stated.state IN ('active', 'expiring')) AS active,
    count(*) FILTER (WHERE stated.state = 'expired') AS expired,
    count(*) FILTER (WHERE stated.state = 'revoked') AS revoked,
    count(*) FILTER (WHERE stated.state = 'expiring') AS expiring,
    (
        array_agg(stated.id ORDER BY stated.expires_at ASC, stated.id ASC)
        FILTER (WHERE stated.state = 'expiring')
    )[1] AS first_id,
    min(stated.expires_at) FILTER (WHERE stated.state = 'expiring') AS first_at
FROM stated;
