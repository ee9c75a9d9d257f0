-- Undoes 0023.verification: plant_worker reads none of these any more.
DROP POLICY base_entity_worker_read ON app.base_entity;
DROP POLICY skill_entity_worker_read ON app.skill_entity;
DROP POLICY industry_entity_worker_read ON app.industry_entity;
DROP POLICY job_role_entity_worker_read ON app.job_role_entity;
DROP POLICY team_entity_worker_read ON app.team_entity;
DROP POLICY agent_entity_worker_read ON app.agent_entity;
DROP POLICY entity_parent_worker_read ON app.entity_parent;
DROP POLICY entity_tag_worker_read ON app.entity_tag;
DROP POLICY job_role_skill_worker_read ON app.job_role_skill;
DROP POLICY agent_skill_worker_read ON app.agent_skill;
DROP POLICY amendment_worker_read ON app.amendment;
REVOKE SELECT ON
app.base_entity, app.skill_entity, app.industry_entity, app.job_role_entity, app.team_entity,
app.agent_entity, app.entity_parent, app.entity_tag, app.job_role_skill, app.agent_skill,
app.amendment
FROM plant_worker;
