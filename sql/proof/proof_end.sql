-- name: proof_end :maybe
-- Find the last entry of the tenant that a log of so many entries has.
--
-- Within a tenant positions rise with the log's indexes. Those beyond it are passed over: as many
-- as are placed and not sealed yet.
--
-- param: $1 size bigint
-- returns: pos bigint, log_index bigint, leaf_hash bytea
-- raises: -
-- isolation: repeatable read
-- call: function
-- role: app
-- plan: position_pos_key
SELECT
    place.pos,
    place.log_index,
    place.leaf_hash
FROM audit.position AS place
WHERE place.log_index < $1
ORDER BY place.pos DESC
LIMIT 1;
