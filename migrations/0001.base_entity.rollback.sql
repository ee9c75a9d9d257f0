DROP TABLE app.entity_tag;
DROP TABLE app.entity_parent;
DROP TABLE app.base_entity;
DROP FUNCTION app.are_lines(text[], integer);
DROP FUNCTION app.compact_length(jsonb);
