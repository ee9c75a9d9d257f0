DROP TABLE app.entity_label;
ALTER TABLE app.industry_entity DROP COLUMN embedding_384;
ALTER TABLE app.skill_entity DROP COLUMN embedding_384;
