-- name: entities_as_of_walked :one
-- Tell how many entities a list of the past has looked at, and which of them last.
--
-- Asked where a page is not full: it ends because there is no more, or because it has walked
-- as far as one page may.
--
-- param: $1 kind text
-- param: $2 as_of timestamptz
-- param: $3 before uuid
-- param: $4 walk bigint
-- returns: walked bigint, last uuid
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: entry_birth_idx
SELECT
    count(*) AS walked,
    (array_agg(birth.entity_id ORDER BY birth.entity_id DESC))[count(*)::integer] AS last
FROM (
    SELECT entry.entity_id
    FROM audit.entry
    WHERE
        entry.entity_type = $1
        AND entry.prev_hash = decode(repeat('00', 32), 'hex')
        AND entry.at <= $2
        AND entry.entity_id < $3
    ORDER BY entry.entity_id DESC
    LIMIT $4
) AS birth;
