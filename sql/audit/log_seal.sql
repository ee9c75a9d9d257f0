-- name: log_seal :one
-- Keep a signed checkpoint.
--
-- param: $1 incarnation integer
-- param: $2 size bigint
-- param: $3 origin text
-- param: $4 root bytea
-- param: $5 note text
-- returns: sealed_at timestamptz
-- raises: -
-- isolation: read committed
-- call: text
-- role: worker
INSERT INTO audit.checkpoint (incarnation, size, origin, root, note)
VALUES ($1, $2, $3, $4, $5)
RETURNING checkpoint.sealed_at;
