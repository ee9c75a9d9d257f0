DROP TABLE app.agent_skill;
DROP TABLE app.job_role_skill;
DROP TABLE app.agent_entity;
DROP TABLE app.team_entity;
DROP TABLE app.job_role_entity;
DROP TABLE app.industry_entity;
