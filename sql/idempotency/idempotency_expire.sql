-- name: idempotency_expire :one
-- Remove remembered answers that are forgotten, at most so many; says how many it removed.
--
-- One session at a time does this; another one removes nothing and need not try again.
--
-- param: $1 count bigint
-- returns: removed bigint
-- raises: -
-- isolation: read committed
-- call: text
-- role: worker
WITH turn AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(hashtextextended('plant idempotency expire', 0)) AS ours
),

expired AS MATERIALIZED (
    SELECT idempotency.ctid AS place
    FROM app.idempotency
    WHERE
        (SELECT turn.ours FROM turn)
        AND idempotency.created_at <= app.forgotten_before()
    ORDER BY idempotency.created_at ASC, idempotency.ctid ASC
    LIMIT $1
),

removed AS (
    DELETE FROM app.idempotency
    USING expired
    WHERE
        idempotency.ctid = expired.place
        -- Asked again: who has used the key anew since made the row young, and not every
        -- server asks for the place of a row again after it had to wait for it. Written as a
        -- difference, so that rows are found by their place and not once more by their age.
        AND app.forgotten_before() - idempotency.created_at >= interval '0'
    RETURNING idempotency.key
)

SELECT count(*) AS removed FROM removed;
