DROP FUNCTION app.entity_document(app.base_entity);
DROP VIEW app.entity_reference;
DROP FUNCTION app.etag(integer, bytea);
DROP FUNCTION app.json_time(timestamptz);
DROP FUNCTION app.is_in_force(text);
DROP TABLE app.life_cycle_step;
