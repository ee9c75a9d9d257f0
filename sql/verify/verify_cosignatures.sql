-- name: verify_cosignatures :many
-- Read what witnesses have signed, each with the note that it is for; null where there is none.
--
-- param: $1 after_incarnation integer
-- param: $2 after_size bigint
-- param: $3 after_witness text
-- param: $4 count bigint
-- returns: incarnation integer, size bigint, witness text, line text, note text
-- raises: -
-- isolation: repeatable read
-- call: text
-- role: worker
-- plan: cosignature_pkey
-- plan: checkpoint_pkey
SELECT
    cosignature.incarnation,
    cosignature.size,
    cosignature.witness,
    cosignature.line,
    checkpoint.note
FROM audit.cosignature
LEFT OUTER JOIN audit.checkpoint
    ON
        cosignature.incarnation = checkpoint.incarnation
        AND cosignature.size = checkpoint.size
WHERE (cosignature.incarnation, cosignature.size, cosignature.witness) > ($1, $2, $3)
ORDER BY cosignature.incarnation ASC, cosignature.size ASC, cosignature.witness ASC
LIMIT $4;
