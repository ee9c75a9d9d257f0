-- name: entities_as_of :many
-- List a kind as it was at a time, newest first.
--
-- Each entity has one first entry: entry_birth_idx, in the order of the list. The version of
-- that time is chosen first and only then looked at: where it is hidden, because it was
-- written as another governance agent's draft, or erased, an older one must not stand in
-- for it.
-- Of what is hidden or in another state there may be any number: no more than `walk`
-- entities are looked at, and entities_as_of_walked says where that ends.
--
-- param: $1 kind text
-- param: $2 as_of timestamptz
-- param: $3 before uuid
-- param: $4 count bigint
-- param: $5 walk bigint
-- returns: id uuid, document text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: entry_birth_idx
-- plan: entry_version_key
-- plan: payload_pkey
SELECT
    birth.entity_id AS id,
    served.body AS document
FROM (
    SELECT entry.entity_id
    FROM audit.entry
    WHERE
        entry.entity_type = $1
        AND entry.prev_hash = decode(repeat('00', 32), 'hex')
        AND entry.at <= $2
        AND entry.entity_id < $3
    ORDER BY entry.entity_id DESC
    LIMIT $5
) AS birth
CROSS JOIN
    LATERAL (
        SELECT entry.audit_id
        FROM audit.entry
        WHERE entry.entity_id = birth.entity_id AND entry.at <= $2
        ORDER BY entry.version DESC
        LIMIT 1
    ) AS newest
CROSS JOIN
    LATERAL (
        SELECT payload.body
        FROM audit.payload
        WHERE payload.audit_id = newest.audit_id AND payload.body IS NOT NULL
        ORDER BY payload.audit_id ASC
        LIMIT 1
    ) AS served
ORDER BY birth.entity_id DESC
LIMIT $4;
