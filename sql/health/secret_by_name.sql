-- name: secret_by_name :maybe
-- Read what the instances of the service share.
--
-- param: $1 name text
-- returns: value bytea
-- raises: -
-- isolation: read committed
-- call: text
-- role: app
SELECT secret.value
FROM app.secret
WHERE secret.name = $1;
