-- name: tenant_similar :one
-- Read from which score on the caller's tenant takes two entities for the same.
--
-- returns: similar_min real
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
SELECT tenant.similar_min
FROM app.tenant;
