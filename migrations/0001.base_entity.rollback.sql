DROP TABLE app.entity_tag;
DROP TABLE app.entity_parent;
DROP TABLE app.base_entity;
