-- Lists of drafts find their way without the index, only not quickly.
-- transactional: false
DROP INDEX CONCURRENTLY IF EXISTS app.base_entity_private_idx;
