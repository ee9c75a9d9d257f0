-- Lists of the past find their way without the index, only not quickly.
-- transactional: false
DROP INDEX CONCURRENTLY IF EXISTS audit.entry_birth_idx;
