-- Where the drafts of a governance agent stand, newest first.
-- depends: 0020.dba_mends
-- transactional: false
--
-- Drafts are seen by their author alone. A list of drafts that goes along the drafts of all
-- reads and passes over those of others: slow where somebody has very many, and the time that
-- it takes tells how many. Only drafts stand in this index.
-- squawk-ignore prefer-robust-stmts
CREATE INDEX CONCURRENTLY base_entity_private_idx
ON app.base_entity (tenant_id, entity_type, private_to, id DESC)
WHERE private_to IS NOT NULL;
