-- Where each entity begins: what a list of the past goes along, newest first.
-- depends: 0012.lists
-- transactional: false
--
-- The log has one entry per change, but only one with nothing before it per entity. Whoever
-- lists a kind as of a time goes along these and looks up the version of that time, instead
-- of reading every version of everything. The time stands in the index, so that what is
-- younger than the time asked for is passed over without being read. Only a creation writes
-- to it: a change of what is there costs nothing more than before.
-- Without IF NOT EXISTS: `plant migrate` drops what was left half-built, and refuses an index
-- of this name that somebody else made.
-- squawk-ignore prefer-robust-stmts
CREATE INDEX CONCURRENTLY entry_birth_idx
ON audit.entry (tenant_id, entity_type, entity_id, at)
WHERE prev_hash = decode(repeat('00', 32), 'hex');
