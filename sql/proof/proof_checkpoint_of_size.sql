-- name: proof_checkpoint_of_size :maybe
-- Read the checkpoint of an incarnation that sealed so many entries, when one did.
--
-- param: $1 incarnation integer
-- param: $2 size bigint
-- returns: incarnation integer, size bigint, root bytea, note text, cosignatures text
-- raises: -
-- isolation: read committed
-- call: text
-- role: app
SELECT
    checkpoint.incarnation,
    checkpoint.size,
    checkpoint.root,
    checkpoint.note,
    (
        SELECT coalesce(string_agg(cosignature.line, '' ORDER BY cosignature.witness ASC), '')
        FROM audit.cosignature
        WHERE
            cosignature.incarnation = checkpoint.incarnation
            AND cosignature.size = checkpoint.size
    ) AS cosignatures
FROM audit.checkpoint
WHERE checkpoint.incarnation = $1 AND checkpoint.size = $2;
