DROP FUNCTION app.entity_document(app.base_entity);
DROP VIEW app.entity_reference;
ALTER TABLE app.base_entity
DROP CONSTRAINT base_entity_custom_attributes_depth,
DROP CONSTRAINT base_entity_custom_attributes_size,
DROP CONSTRAINT base_entity_custom_attributes_shape,
ADD CONSTRAINT base_entity_custom_attributes_shape CHECK (
    jsonb_typeof(custom_attributes) = 'object'
    AND octet_length(custom_attributes::text) <= 65536
);
DROP FUNCTION app.compact_length(jsonb);
DROP FUNCTION app.etag(integer, bytea);
DROP FUNCTION app.json_time(timestamptz);
DROP FUNCTION app.is_in_force(text);
DROP TABLE app.life_cycle_step;
