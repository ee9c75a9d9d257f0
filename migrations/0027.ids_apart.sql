-- No entity has the id of its tenant or the least one; new ones are looked at since 0025.
-- depends: 0026.closed_amendments
ALTER TABLE app.base_entity VALIDATE CONSTRAINT base_entity_id_range;
