-- name: amendment_of_entity :maybe
-- Say whether an amendment, open or closed, is one of an entity, when the caller may see it.
--
-- param: $1 kind text
-- param: $2 id uuid
-- param: $3 amendment_id uuid
-- returns: id uuid
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: amendment_pkey
SELECT amendment.id
FROM app.amendment
WHERE
    amendment.id = $3
    AND amendment.entity_id = $2
    AND amendment.entity_type = $1;
