-- name: compliance_subject :maybe
-- Say whether the caller may see the entity whose compliance is asked, and when it is asked.
--
-- param: $1 kind text
-- param: $2 id uuid
-- returns: id uuid, checked_at text
-- raises: -
-- isolation: repeatable read
-- call: function
-- role: app
-- plan: base_entity_pkey
SELECT
    base_entity.id,
    to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS checked_at
FROM app.base_entity
WHERE base_entity.id = $2 AND base_entity.entity_type = $1;
