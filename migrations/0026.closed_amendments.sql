-- Where the amendments of an entity stand that are closed, whatever came of them.
-- depends: 0025.pruning
-- transactional: false
--
-- An erasure reaches all of them, under the lock of the entity's row.
-- squawk-ignore prefer-robust-stmts
CREATE INDEX CONCURRENTLY amendment_closed_idx ON app.amendment (tenant_id, entity_id)
WHERE status IN ('certified', 'rejected', 'withdrawn');
