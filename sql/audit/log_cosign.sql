-- name: log_cosign :one
-- Keep what a witness signed of a checkpoint; says how many lines are new.
--
-- param: $1 incarnation integer
-- param: $2 size bigint
-- param: $3 witness text
-- param: $4 line text
-- returns: kept bigint
-- raises: -
-- isolation: read committed
-- call: text
-- role: worker
WITH kept AS (
    INSERT INTO audit.cosignature (incarnation, size, witness, line)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (incarnation, size, witness) DO NOTHING
    RETURNING cosignature.size
)

SELECT count(*) AS kept FROM kept;
