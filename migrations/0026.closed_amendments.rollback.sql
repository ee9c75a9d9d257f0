-- Erasures find amendments without the index, only not quickly.
-- transactional: false
DROP INDEX CONCURRENTLY IF EXISTS app.amendment_closed_idx;
