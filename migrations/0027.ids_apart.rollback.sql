-- Undoes 0027.ids_apart: what is there may be as it likes, what is written may not.
ALTER TABLE app.base_entity DROP CONSTRAINT base_entity_id_range;
ALTER TABLE app.base_entity ADD CONSTRAINT base_entity_id_range CHECK (
    id <> tenant_id AND id <> '00000000-0000-0000-0000-000000000000'
) NOT VALID;
