ALTER TABLE app.base_entity NO FORCE ROW LEVEL SECURITY;
ALTER TABLE app.base_entity DISABLE ROW LEVEL SECURITY;
ALTER TABLE app.skill_entity NO FORCE ROW LEVEL SECURITY;
ALTER TABLE app.skill_entity DISABLE ROW LEVEL SECURITY;
ALTER TABLE app.industry_entity NO FORCE ROW LEVEL SECURITY;
ALTER TABLE app.industry_entity DISABLE ROW LEVEL SECURITY;
ALTER TABLE app.job_role_entity NO FORCE ROW LEVEL SECURITY;
ALTER TABLE app.job_role_entity DISABLE ROW LEVEL SECURITY;
ALTER TABLE app.team_entity NO FORCE ROW LEVEL SECURITY;
ALTER TABLE app.team_entity DISABLE ROW LEVEL SECURITY;
ALTER TABLE app.agent_entity NO FORCE ROW LEVEL SECURITY;
ALTER TABLE app.agent_entity DISABLE ROW LEVEL SECURITY;
ALTER TABLE app.entity_parent NO FORCE ROW LEVEL SECURITY;
ALTER TABLE app.entity_parent DISABLE ROW LEVEL SECURITY;
ALTER TABLE app.entity_tag NO FORCE ROW LEVEL SECURITY;
ALTER TABLE app.entity_tag DISABLE ROW LEVEL SECURITY;
ALTER TABLE app.job_role_skill NO FORCE ROW LEVEL SECURITY;
ALTER TABLE app.job_role_skill DISABLE ROW LEVEL SECURITY;
ALTER TABLE app.agent_skill NO FORCE ROW LEVEL SECURITY;
ALTER TABLE app.agent_skill DISABLE ROW LEVEL SECURITY;
ALTER TABLE app.entity_label NO FORCE ROW LEVEL SECURITY;
ALTER TABLE app.entity_label DISABLE ROW LEVEL SECURITY;
ALTER TABLE app.entity_label_default NO FORCE ROW LEVEL SECURITY;
ALTER TABLE app.entity_label_default DISABLE ROW LEVEL SECURITY;
ALTER TABLE app.tenant NO FORCE ROW LEVEL SECURITY;
ALTER TABLE app.tenant DISABLE ROW LEVEL SECURITY;
ALTER TABLE app.governance_agent NO FORCE ROW LEVEL SECURITY;
ALTER TABLE app.governance_agent DISABLE ROW LEVEL SECURITY;
ALTER TABLE app.api_key NO FORCE ROW LEVEL SECURITY;
ALTER TABLE app.api_key DISABLE ROW LEVEL SECURITY;
ALTER TABLE app.idempotency NO FORCE ROW LEVEL SECURITY;
ALTER TABLE app.idempotency DISABLE ROW LEVEL SECURITY;
ALTER TABLE app.secret NO FORCE ROW LEVEL SECURITY;
ALTER TABLE app.secret DISABLE ROW LEVEL SECURITY;
DROP POLICY base_entity_read ON app.base_entity;
DROP POLICY base_entity_add ON app.base_entity;
DROP POLICY base_entity_edit ON app.base_entity;
DROP POLICY base_entity_rules_read ON app.base_entity;
DROP POLICY base_entity_rules_edit ON app.base_entity;
DROP POLICY skill_entity_read ON app.skill_entity;
DROP POLICY skill_entity_add ON app.skill_entity;
DROP POLICY skill_entity_edit ON app.skill_entity;
DROP POLICY skill_entity_rules_read ON app.skill_entity;
DROP POLICY skill_entity_rules_edit ON app.skill_entity;
DROP POLICY industry_entity_read ON app.industry_entity;
DROP POLICY industry_entity_add ON app.industry_entity;
DROP POLICY industry_entity_edit ON app.industry_entity;
DROP POLICY industry_entity_rules_read ON app.industry_entity;
DROP POLICY industry_entity_rules_edit ON app.industry_entity;
DROP POLICY job_role_entity_read ON app.job_role_entity;
DROP POLICY job_role_entity_add ON app.job_role_entity;
DROP POLICY job_role_entity_edit ON app.job_role_entity;
DROP POLICY job_role_entity_rules_read ON app.job_role_entity;
DROP POLICY job_role_entity_rules_edit ON app.job_role_entity;
DROP POLICY team_entity_read ON app.team_entity;
DROP POLICY team_entity_add ON app.team_entity;
DROP POLICY team_entity_edit ON app.team_entity;
DROP POLICY team_entity_rules_read ON app.team_entity;
DROP POLICY team_entity_rules_edit ON app.team_entity;
DROP POLICY agent_entity_read ON app.agent_entity;
DROP POLICY agent_entity_add ON app.agent_entity;
DROP POLICY agent_entity_edit ON app.agent_entity;
DROP POLICY agent_entity_rules_read ON app.agent_entity;
DROP POLICY agent_entity_rules_edit ON app.agent_entity;
DROP POLICY entity_parent_read ON app.entity_parent;
DROP POLICY entity_parent_add ON app.entity_parent;
DROP POLICY entity_parent_edit ON app.entity_parent;
DROP POLICY entity_parent_remove ON app.entity_parent;
DROP POLICY entity_parent_rules_read ON app.entity_parent;
DROP POLICY entity_parent_rules_edit ON app.entity_parent;
DROP POLICY entity_tag_read ON app.entity_tag;
DROP POLICY entity_tag_add ON app.entity_tag;
DROP POLICY entity_tag_edit ON app.entity_tag;
DROP POLICY entity_tag_remove ON app.entity_tag;
DROP POLICY entity_tag_rules_read ON app.entity_tag;
DROP POLICY entity_tag_rules_edit ON app.entity_tag;
DROP POLICY job_role_skill_read ON app.job_role_skill;
DROP POLICY job_role_skill_add ON app.job_role_skill;
DROP POLICY job_role_skill_edit ON app.job_role_skill;
DROP POLICY job_role_skill_remove ON app.job_role_skill;
DROP POLICY job_role_skill_rules_read ON app.job_role_skill;
DROP POLICY job_role_skill_rules_edit ON app.job_role_skill;
DROP POLICY agent_skill_read ON app.agent_skill;
DROP POLICY agent_skill_add ON app.agent_skill;
DROP POLICY agent_skill_edit ON app.agent_skill;
DROP POLICY agent_skill_remove ON app.agent_skill;
DROP POLICY agent_skill_rules_read ON app.agent_skill;
DROP POLICY agent_skill_rules_edit ON app.agent_skill;
DROP POLICY entity_label_read ON app.entity_label;
DROP POLICY entity_label_rules_read ON app.entity_label;
DROP POLICY entity_label_rules_edit ON app.entity_label;
DROP POLICY entity_label_worker_read ON app.entity_label;
DROP POLICY entity_label_worker_add ON app.entity_label;
DROP POLICY entity_label_worker_edit ON app.entity_label;
DROP POLICY entity_label_worker_remove ON app.entity_label;
DROP POLICY tenant_read ON app.tenant;
DROP POLICY tenant_auth_read ON app.tenant;
DROP POLICY tenant_owner_read ON app.tenant;
DROP POLICY tenant_owner_add ON app.tenant;
DROP POLICY tenant_owner_edit ON app.tenant;
DROP POLICY governance_agent_read ON app.governance_agent;
DROP POLICY governance_agent_auth_read ON app.governance_agent;
DROP POLICY governance_agent_owner_read ON app.governance_agent;
DROP POLICY governance_agent_owner_add ON app.governance_agent;
DROP POLICY governance_agent_owner_edit ON app.governance_agent;
DROP POLICY api_key_read ON app.api_key;
DROP POLICY api_key_auth_read ON app.api_key;
DROP POLICY api_key_auth_touch ON app.api_key;
DROP POLICY api_key_owner_read ON app.api_key;
DROP POLICY api_key_owner_add ON app.api_key;
DROP POLICY api_key_owner_edit ON app.api_key;
DROP POLICY idempotency_read ON app.idempotency;
DROP POLICY idempotency_add ON app.idempotency;
DROP POLICY idempotency_worker_read ON app.idempotency;
DROP POLICY idempotency_worker_remove ON app.idempotency;
DROP POLICY secret_read ON app.secret;
DROP POLICY secret_owner_read ON app.secret;
REVOKE ALL ON
    app.base_entity,
    app.skill_entity,
    app.industry_entity,
    app.job_role_entity,
    app.team_entity,
    app.agent_entity,
    app.entity_parent,
    app.entity_tag,
    app.job_role_skill,
    app.agent_skill,
    app.entity_label,
    app.entity_label_default,
    app.tenant,
    app.governance_agent,
    app.api_key,
    app.idempotency,
    app.secret
FROM plant_app, plant_readonly, plant_worker, plant_writer, plant_rules, plant_auth;
