-- name: log_place :one
-- Give entries their places behind the last one, and take them from the queue.
--
-- Nothing is placed where the log does not end at the given index. The number is that of this very
-- transaction, and whoever drew a number of the queue that is seen here began before.
--
-- param: $1 log_index bigint
-- param: $2 tenant_ids uuid[]
-- param: $3 positions bigint[]
-- param: $4 audit_ids uuid[]
-- param: $5 tenant_prevs bytea[]
-- param: $6 leaf_hashes bytea[]
-- param: $7 seqs bigint[]
-- returns: placed bigint, removed bigint, transaction bigint
-- raises: -
-- isolation: read committed
-- call: text
-- role: worker
WITH placed AS (
    INSERT INTO audit.position (
        log_index, tenant_id, pos, audit_id, tenant_prev, leaf_hash
    )
    SELECT
        $1 + given.nth - 1 AS log_index,
        given.tenant_id,
        given.pos,
        given.audit_id,
        given.tenant_prev,
        given.leaf_hash
    FROM
        unnest($2::uuid[], $3::bigint[], $4::uuid[], $5::bytea[], $6::bytea[])
        WITH ORDINALITY AS given (tenant_id, pos, audit_id, tenant_prev, leaf_hash, nth)
    WHERE (
        SELECT coalesce(max(ended.log_index), -1) + 1 FROM audit.position AS ended
    ) = $1
    RETURNING position.log_index
),

removed AS (
    DELETE FROM audit.pending
    USING unnest($7::bigint[]) AS given (seq)
    WHERE
        pending.seq = given.seq
        AND (SELECT count(*) FROM placed) = cardinality($4::uuid[])
    RETURNING pending.seq
)

SELECT
    (SELECT count(*) FROM placed) AS placed,
    (SELECT count(*) FROM removed) AS removed,
    pg_current_xact_id()::text::bigint AS transaction;
