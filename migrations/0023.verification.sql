-- What `plant audit verify` compares the log with: the rows of all tenants, read by plant_worker.
-- depends: 0022.log
--
-- plant_worker reads every payload already, drafts too; what stands in these tables is what the
-- last payload of each entity says. It may write none of them.

CREATE POLICY base_entity_worker_read ON app.base_entity FOR SELECT TO plant_worker
USING (TRUE);
CREATE POLICY skill_entity_worker_read ON app.skill_entity FOR SELECT TO plant_worker
USING (TRUE);
CREATE POLICY industry_entity_worker_read ON app.industry_entity FOR SELECT TO plant_worker
USING (TRUE);
CREATE POLICY job_role_entity_worker_read ON app.job_role_entity FOR SELECT TO plant_worker
USING (TRUE);
CREATE POLICY team_entity_worker_read ON app.team_entity FOR SELECT TO plant_worker
USING (TRUE);
CREATE POLICY agent_entity_worker_read ON app.agent_entity FOR SELECT TO plant_worker
USING (TRUE);
CREATE POLICY entity_parent_worker_read ON app.entity_parent FOR SELECT TO plant_worker
USING (TRUE);
CREATE POLICY entity_tag_worker_read ON app.entity_tag FOR SELECT TO plant_worker
USING (TRUE);
CREATE POLICY job_role_skill_worker_read ON app.job_role_skill FOR SELECT TO plant_worker
USING (TRUE);
CREATE POLICY agent_skill_worker_read ON app.agent_skill FOR SELECT TO plant_worker
USING (TRUE);
CREATE POLICY amendment_worker_read ON app.amendment FOR SELECT TO plant_worker
USING (TRUE);
GRANT SELECT ON
app.base_entity, app.skill_entity, app.industry_entity, app.job_role_entity, app.team_entity,
app.agent_entity, app.entity_parent, app.entity_tag, app.job_role_skill, app.agent_skill,
app.amendment
TO plant_worker;
