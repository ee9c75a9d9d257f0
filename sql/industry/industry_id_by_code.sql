-- name: industry_id_by_code :maybe
-- Find who holds a code of a scheme, when the caller may see it.
--
-- param: $1 scheme text
-- param: $2 code text
-- returns: id uuid
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: industry_entity_code_key
SELECT industry_entity.id
FROM app.industry_entity
WHERE industry_entity.scheme = $1 AND industry_entity.code = $2;
