-- name: amendment_open :maybe
-- Say which amendment of an entity is open, when the caller may see it.
--
-- param: $1 kind text
-- param: $2 id uuid
-- returns: id uuid
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: amendment_open_key
SELECT amendment.id
FROM app.amendment
WHERE
    amendment.entity_id = $2
    AND amendment.entity_type = $1
    AND amendment.status IN ('draft', 'under_review');
