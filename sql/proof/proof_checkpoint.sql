-- name: proof_checkpoint :maybe
-- Read the latest checkpoint: how much is sealed, and the note that says so.
--
-- Of no tenant. A log that was taken up again after a restore goes on under a new incarnation,
-- whose checkpoints count from then on.
--
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
ORDER BY checkpoint.incarnation DESC, checkpoint.size DESC
LIMIT 1;
