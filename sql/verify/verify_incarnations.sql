-- name: verify_incarnations :many
-- Read the log's lives: where each began, in which cluster, with which root.
--
-- param: $1 count bigint
-- returns: incarnation integer, origin text, system_identifier bigint, size bigint, root bytea,
--     given_up text
-- raises: -
-- isolation: repeatable read
-- call: text
-- role: worker
-- plan: incarnation_pkey
SELECT
    incarnation.incarnation,
    incarnation.origin,
    incarnation.system_identifier,
    incarnation.size,
    incarnation.root,
    incarnation.given_up
FROM audit.incarnation
ORDER BY incarnation.incarnation ASC
LIMIT $1;
