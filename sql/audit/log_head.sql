-- name: log_head :maybe
-- Read the last checkpoint of the log's present incarnation; none where no log has begun.
--
-- The checkpoint's columns are null where an incarnation has none, which no hand of ours leaves.
--
-- returns: incarnation integer, origin text, system_identifier bigint, size bigint, root bytea,
--     note text
-- raises: -
-- isolation: read committed
-- call: text
-- role: worker
SELECT
    incarnation.incarnation,
    incarnation.origin,
    incarnation.system_identifier,
    newest.size,
    newest.root,
    newest.note
FROM audit.incarnation
LEFT OUTER JOIN LATERAL (
    SELECT
        checkpoint.size,
        checkpoint.root,
        checkpoint.note
    FROM audit.checkpoint
    WHERE checkpoint.incarnation = incarnation.incarnation
    ORDER BY checkpoint.size DESC
    LIMIT 1
) AS newest ON TRUE
ORDER BY incarnation.incarnation DESC
LIMIT 1;
