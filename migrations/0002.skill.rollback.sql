DROP TABLE app.skill_entity;
