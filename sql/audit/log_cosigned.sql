-- name: log_cosigned :maybe
-- Tell the size of the last checkpoint of an incarnation that a witness has signed.
--
-- param: $1 incarnation integer
-- param: $2 witness text
-- returns: size bigint
-- raises: -
-- isolation: read committed
-- call: text
-- role: worker
-- plan: cosignature_pkey
SELECT cosignature.size
FROM audit.cosignature
WHERE
    cosignature.incarnation = $1
    AND cosignature.witness = $2
ORDER BY cosignature.size DESC
LIMIT 1;
