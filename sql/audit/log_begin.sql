-- name: log_begin :one
-- Begin an incarnation of the log with what is there.
--
-- param: $1 incarnation integer
-- param: $2 origin text
-- param: $3 system_identifier bigint
-- param: $4 size bigint
-- param: $5 root bytea
-- param: $6 reason text
-- param: $7 given_up text
-- returns: began_at timestamptz
-- raises: -
-- isolation: read committed
-- call: text
-- role: worker
INSERT INTO audit.incarnation (
    incarnation, origin, system_identifier, size, root, reason, given_up
)
VALUES ($1, $2, $3, $4, $5, $6, $7)
RETURNING incarnation.began_at;
