-- Undoes 0022.log: positions, tiles, checkpoints and what witnesses signed are lost.
--
-- What had a place waits for one again, in the order that it had, before what waits now: a later
-- version must not come before an earlier one.
LOCK TABLE audit.pending IN EXCLUSIVE MODE;
CREATE POLICY position_rollback ON audit.position FOR SELECT TO plant_owner USING (TRUE);
CREATE POLICY pending_rollback ON audit.pending FOR ALL TO plant_owner
USING (TRUE)
WITH CHECK (TRUE);
WITH waiting AS (
    DELETE FROM audit.pending
    WHERE EXISTS (SELECT FROM audit.position)
    RETURNING tenant_id, audit_id, seq
)

INSERT INTO audit.pending (tenant_id, audit_id)
SELECT
    queue.tenant_id,
    queue.audit_id
FROM (
    SELECT
        tenant_id,
        audit_id,
        FALSE AS behind,
        log_index AS nth
    FROM audit.position
    UNION ALL
    SELECT
        tenant_id,
        audit_id,
        TRUE AS behind,
        seq AS nth
    FROM waiting
) AS queue
ORDER BY
    queue.behind ASC,
    queue.nth ASC;
DROP POLICY pending_rollback ON audit.pending;
DROP TABLE audit.incarnation;
DROP TABLE audit.cosignature;
DROP TABLE audit.checkpoint;
DROP TABLE audit.tile;
DROP TABLE audit.position;
DROP FUNCTION audit.tile_growth();
