-- name: verify_checkpoints :many
-- Read checkpoints in the order in which they were signed.
--
-- param: $1 after_incarnation integer
-- param: $2 after_size bigint
-- param: $3 count bigint
-- returns: incarnation integer, size bigint, origin text, root bytea, note text
-- raises: -
-- isolation: repeatable read
-- call: text
-- role: worker
-- plan: checkpoint_pkey
SELECT
    checkpoint.incarnation,
    checkpoint.size,
    checkpoint.origin,
    checkpoint.root,
    checkpoint.note
FROM audit.checkpoint
WHERE (checkpoint.incarnation, checkpoint.size) > ($1, $2)
ORDER BY checkpoint.incarnation ASC, checkpoint.size ASC
LIMIT $3;
