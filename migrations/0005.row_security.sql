-- Row-level security: enabled and forced on every tenant table, one policy per command.
-- depends: 0004.vectors
--
-- Two predicates only. "Tenant": the row belongs to the tenant of the transaction.
-- "Visible": and it is no draft of another governance agent. Both call the context
-- functions inside a scalar sub-select, so that they are evaluated once per statement
-- and a plan made before the tenant is known stays right. No tenant set: no row.
--
-- plant_app, plant_readonly  see what is visible
-- plant_writer               owns the write functions: sees and writes what is visible
-- plant_rules                owns the rule checks: sees the whole tenant, drafts too
-- plant_auth                 finds a key before the tenant is known
-- plant_owner                makes tenants, governance agents and keys; sees no entity

-- base_entity
ALTER TABLE app.base_entity ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.base_entity FORCE ROW LEVEL SECURITY;
CREATE POLICY base_entity_read ON app.base_entity FOR SELECT
TO plant_app, plant_readonly, plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY base_entity_add ON app.base_entity FOR INSERT TO plant_writer
WITH CHECK (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY base_entity_edit ON app.base_entity FOR UPDATE TO plant_app, plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
)
WITH CHECK (tenant_id = (SELECT app.tenant_id()));
CREATE POLICY base_entity_rules_read ON app.base_entity FOR SELECT TO plant_rules
USING (tenant_id = (SELECT app.tenant_id()));
CREATE POLICY base_entity_rules_edit ON app.base_entity FOR UPDATE TO plant_rules
USING (tenant_id = (SELECT app.tenant_id()))
WITH CHECK (tenant_id = (SELECT app.tenant_id()));
GRANT SELECT ON app.base_entity TO plant_app, plant_readonly, plant_writer, plant_rules;
GRANT INSERT, UPDATE ON app.base_entity TO plant_writer;
-- What a DBA may edit by hand as plant_app; the triggers do the rest.
GRANT UPDATE (
    name, external_id, description, aliases, custom_attributes, governance_notes, status
) ON app.base_entity TO plant_app;
GRANT UPDATE (status) ON app.base_entity TO plant_rules;

-- skill_entity
ALTER TABLE app.skill_entity ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.skill_entity FORCE ROW LEVEL SECURITY;
CREATE POLICY skill_entity_read ON app.skill_entity FOR SELECT
TO plant_app, plant_readonly, plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY skill_entity_add ON app.skill_entity FOR INSERT TO plant_writer
WITH CHECK (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY skill_entity_edit ON app.skill_entity FOR UPDATE TO plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
)
WITH CHECK (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY skill_entity_rules_read ON app.skill_entity FOR SELECT TO plant_rules
USING (tenant_id = (SELECT app.tenant_id()));
CREATE POLICY skill_entity_rules_edit ON app.skill_entity FOR UPDATE TO plant_rules
USING (tenant_id = (SELECT app.tenant_id()))
WITH CHECK (tenant_id = (SELECT app.tenant_id()));
GRANT SELECT ON app.skill_entity TO plant_app, plant_readonly, plant_writer, plant_rules;
GRANT INSERT, UPDATE ON app.skill_entity TO plant_writer;
GRANT UPDATE (private_to) ON app.skill_entity TO plant_rules;

-- industry_entity
ALTER TABLE app.industry_entity ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.industry_entity FORCE ROW LEVEL SECURITY;
CREATE POLICY industry_entity_read ON app.industry_entity FOR SELECT
TO plant_app, plant_readonly, plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY industry_entity_add ON app.industry_entity FOR INSERT TO plant_writer
WITH CHECK (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY industry_entity_edit ON app.industry_entity FOR UPDATE TO plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
)
WITH CHECK (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY industry_entity_rules_read ON app.industry_entity FOR SELECT TO plant_rules
USING (tenant_id = (SELECT app.tenant_id()));
CREATE POLICY industry_entity_rules_edit ON app.industry_entity FOR UPDATE TO plant_rules
USING (tenant_id = (SELECT app.tenant_id()))
WITH CHECK (tenant_id = (SELECT app.tenant_id()));
GRANT SELECT ON app.industry_entity TO plant_app, plant_readonly, plant_writer, plant_rules;
GRANT INSERT, UPDATE ON app.industry_entity TO plant_writer;
GRANT UPDATE (private_to) ON app.industry_entity TO plant_rules;

-- job_role_entity
ALTER TABLE app.job_role_entity ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.job_role_entity FORCE ROW LEVEL SECURITY;
CREATE POLICY job_role_entity_read ON app.job_role_entity FOR SELECT
TO plant_app, plant_readonly, plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY job_role_entity_add ON app.job_role_entity FOR INSERT TO plant_writer
WITH CHECK (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY job_role_entity_edit ON app.job_role_entity FOR UPDATE TO plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
)
WITH CHECK (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY job_role_entity_rules_read ON app.job_role_entity FOR SELECT TO plant_rules
USING (tenant_id = (SELECT app.tenant_id()));
CREATE POLICY job_role_entity_rules_edit ON app.job_role_entity FOR UPDATE TO plant_rules
USING (tenant_id = (SELECT app.tenant_id()))
WITH CHECK (tenant_id = (SELECT app.tenant_id()));
GRANT SELECT ON app.job_role_entity TO plant_app, plant_readonly, plant_writer, plant_rules;
GRANT INSERT, UPDATE ON app.job_role_entity TO plant_writer;
GRANT UPDATE (private_to) ON app.job_role_entity TO plant_rules;

-- team_entity
ALTER TABLE app.team_entity ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.team_entity FORCE ROW LEVEL SECURITY;
CREATE POLICY team_entity_read ON app.team_entity FOR SELECT
TO plant_app, plant_readonly, plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY team_entity_add ON app.team_entity FOR INSERT TO plant_writer
WITH CHECK (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY team_entity_edit ON app.team_entity FOR UPDATE TO plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
)
WITH CHECK (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY team_entity_rules_read ON app.team_entity FOR SELECT TO plant_rules
USING (tenant_id = (SELECT app.tenant_id()));
CREATE POLICY team_entity_rules_edit ON app.team_entity FOR UPDATE TO plant_rules
USING (tenant_id = (SELECT app.tenant_id()))
WITH CHECK (tenant_id = (SELECT app.tenant_id()));
GRANT SELECT ON app.team_entity TO plant_app, plant_readonly, plant_writer, plant_rules;
GRANT INSERT, UPDATE ON app.team_entity TO plant_writer;
GRANT UPDATE (private_to) ON app.team_entity TO plant_rules;

-- agent_entity
ALTER TABLE app.agent_entity ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.agent_entity FORCE ROW LEVEL SECURITY;
CREATE POLICY agent_entity_read ON app.agent_entity FOR SELECT
TO plant_app, plant_readonly, plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY agent_entity_add ON app.agent_entity FOR INSERT TO plant_writer
WITH CHECK (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY agent_entity_edit ON app.agent_entity FOR UPDATE TO plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
)
WITH CHECK (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY agent_entity_rules_read ON app.agent_entity FOR SELECT TO plant_rules
USING (tenant_id = (SELECT app.tenant_id()));
CREATE POLICY agent_entity_rules_edit ON app.agent_entity FOR UPDATE TO plant_rules
USING (tenant_id = (SELECT app.tenant_id()))
WITH CHECK (tenant_id = (SELECT app.tenant_id()));
GRANT SELECT ON app.agent_entity TO plant_app, plant_readonly, plant_writer, plant_rules;
GRANT INSERT, UPDATE ON app.agent_entity TO plant_writer;
GRANT UPDATE (private_to) ON app.agent_entity TO plant_rules;

-- entity_parent
ALTER TABLE app.entity_parent ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.entity_parent FORCE ROW LEVEL SECURITY;
CREATE POLICY entity_parent_read ON app.entity_parent FOR SELECT
TO plant_app, plant_readonly, plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY entity_parent_add ON app.entity_parent FOR INSERT TO plant_writer
WITH CHECK (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY entity_parent_edit ON app.entity_parent FOR UPDATE TO plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
)
WITH CHECK (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY entity_parent_remove ON app.entity_parent FOR DELETE TO plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY entity_parent_rules_read ON app.entity_parent FOR SELECT TO plant_rules
USING (tenant_id = (SELECT app.tenant_id()));
CREATE POLICY entity_parent_rules_edit ON app.entity_parent FOR UPDATE TO plant_rules
USING (tenant_id = (SELECT app.tenant_id()))
WITH CHECK (tenant_id = (SELECT app.tenant_id()));
GRANT SELECT ON app.entity_parent TO plant_app, plant_readonly, plant_writer, plant_rules;
GRANT INSERT, UPDATE, DELETE ON app.entity_parent TO plant_writer;
GRANT UPDATE (private_to) ON app.entity_parent TO plant_rules;

-- entity_tag
ALTER TABLE app.entity_tag ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.entity_tag FORCE ROW LEVEL SECURITY;
CREATE POLICY entity_tag_read ON app.entity_tag FOR SELECT
TO plant_app, plant_readonly, plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY entity_tag_add ON app.entity_tag FOR INSERT TO plant_writer
WITH CHECK (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY entity_tag_edit ON app.entity_tag FOR UPDATE TO plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
)
WITH CHECK (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY entity_tag_remove ON app.entity_tag FOR DELETE TO plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY entity_tag_rules_read ON app.entity_tag FOR SELECT TO plant_rules
USING (tenant_id = (SELECT app.tenant_id()));
CREATE POLICY entity_tag_rules_edit ON app.entity_tag FOR UPDATE TO plant_rules
USING (tenant_id = (SELECT app.tenant_id()))
WITH CHECK (tenant_id = (SELECT app.tenant_id()));
GRANT SELECT ON app.entity_tag TO plant_app, plant_readonly, plant_writer, plant_rules;
GRANT INSERT, UPDATE, DELETE ON app.entity_tag TO plant_writer;
GRANT UPDATE (private_to) ON app.entity_tag TO plant_rules;

-- job_role_skill
ALTER TABLE app.job_role_skill ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.job_role_skill FORCE ROW LEVEL SECURITY;
CREATE POLICY job_role_skill_read ON app.job_role_skill FOR SELECT
TO plant_app, plant_readonly, plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY job_role_skill_add ON app.job_role_skill FOR INSERT TO plant_writer
WITH CHECK (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY job_role_skill_edit ON app.job_role_skill FOR UPDATE TO plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
)
WITH CHECK (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY job_role_skill_remove ON app.job_role_skill FOR DELETE TO plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY job_role_skill_rules_read ON app.job_role_skill FOR SELECT TO plant_rules
USING (tenant_id = (SELECT app.tenant_id()));
CREATE POLICY job_role_skill_rules_edit ON app.job_role_skill FOR UPDATE TO plant_rules
USING (tenant_id = (SELECT app.tenant_id()))
WITH CHECK (tenant_id = (SELECT app.tenant_id()));
GRANT SELECT ON app.job_role_skill TO plant_app, plant_readonly, plant_writer, plant_rules;
GRANT INSERT, UPDATE, DELETE ON app.job_role_skill TO plant_writer;
GRANT UPDATE (private_to) ON app.job_role_skill TO plant_rules;

-- agent_skill
ALTER TABLE app.agent_skill ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.agent_skill FORCE ROW LEVEL SECURITY;
CREATE POLICY agent_skill_read ON app.agent_skill FOR SELECT
TO plant_app, plant_readonly, plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY agent_skill_add ON app.agent_skill FOR INSERT TO plant_writer
WITH CHECK (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY agent_skill_edit ON app.agent_skill FOR UPDATE TO plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
)
WITH CHECK (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY agent_skill_remove ON app.agent_skill FOR DELETE TO plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY agent_skill_rules_read ON app.agent_skill FOR SELECT TO plant_rules
USING (tenant_id = (SELECT app.tenant_id()));
CREATE POLICY agent_skill_rules_edit ON app.agent_skill FOR UPDATE TO plant_rules
USING (tenant_id = (SELECT app.tenant_id()))
WITH CHECK (tenant_id = (SELECT app.tenant_id()));
GRANT SELECT ON app.agent_skill TO plant_app, plant_readonly, plant_writer, plant_rules;
GRANT INSERT, UPDATE, DELETE ON app.agent_skill TO plant_writer;
GRANT UPDATE (private_to) ON app.agent_skill TO plant_rules;

-- entity_label (written by the embedder; the partition itself is open to nobody)
ALTER TABLE app.entity_label ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.entity_label FORCE ROW LEVEL SECURITY;
CREATE POLICY entity_label_read ON app.entity_label FOR SELECT
TO plant_app, plant_readonly, plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY entity_label_rules_read ON app.entity_label FOR SELECT TO plant_rules
USING (tenant_id = (SELECT app.tenant_id()));
CREATE POLICY entity_label_rules_edit ON app.entity_label FOR UPDATE TO plant_rules
USING (tenant_id = (SELECT app.tenant_id()))
WITH CHECK (tenant_id = (SELECT app.tenant_id()));
CREATE POLICY entity_label_worker_read ON app.entity_label FOR SELECT TO plant_worker
USING (TRUE);
CREATE POLICY entity_label_worker_add ON app.entity_label FOR INSERT TO plant_worker
WITH CHECK (TRUE);
CREATE POLICY entity_label_worker_edit ON app.entity_label FOR UPDATE TO plant_worker
USING (TRUE)
WITH CHECK (TRUE);
CREATE POLICY entity_label_worker_remove ON app.entity_label FOR DELETE TO plant_worker
USING (TRUE);
GRANT SELECT ON app.entity_label TO plant_app, plant_readonly, plant_writer, plant_rules;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.entity_label TO plant_worker;
GRANT UPDATE (private_to) ON app.entity_label TO plant_rules;
ALTER TABLE app.entity_label_default ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.entity_label_default FORCE ROW LEVEL SECURITY;

-- tenant
ALTER TABLE app.tenant ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.tenant FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_read ON app.tenant FOR SELECT
TO plant_app, plant_readonly, plant_rules
USING (tenant_id = (SELECT app.tenant_id()));
CREATE POLICY tenant_auth_read ON app.tenant FOR SELECT TO plant_auth
USING (TRUE);
CREATE POLICY tenant_owner_read ON app.tenant FOR SELECT TO plant_owner
USING (TRUE);
CREATE POLICY tenant_owner_add ON app.tenant FOR INSERT TO plant_owner
WITH CHECK (TRUE);
CREATE POLICY tenant_owner_edit ON app.tenant FOR UPDATE TO plant_owner
USING (TRUE)
WITH CHECK (TRUE);
GRANT SELECT ON app.tenant TO plant_app, plant_readonly, plant_rules, plant_auth;

-- governance_agent
ALTER TABLE app.governance_agent ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.governance_agent FORCE ROW LEVEL SECURITY;
CREATE POLICY governance_agent_read ON app.governance_agent FOR SELECT
TO plant_app, plant_readonly, plant_rules
USING (tenant_id = (SELECT app.tenant_id()));
CREATE POLICY governance_agent_auth_read ON app.governance_agent FOR SELECT TO plant_auth
USING (TRUE);
CREATE POLICY governance_agent_owner_read ON app.governance_agent FOR SELECT TO plant_owner
USING (TRUE);
CREATE POLICY governance_agent_owner_add ON app.governance_agent FOR INSERT TO plant_owner
WITH CHECK (TRUE);
CREATE POLICY governance_agent_owner_edit ON app.governance_agent FOR UPDATE TO plant_owner
USING (TRUE)
WITH CHECK (TRUE);
GRANT SELECT ON app.governance_agent TO plant_app, plant_readonly, plant_rules, plant_auth;

-- api_key
ALTER TABLE app.api_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.api_key FORCE ROW LEVEL SECURITY;
CREATE POLICY api_key_read ON app.api_key FOR SELECT
TO plant_app, plant_readonly, plant_rules
USING (tenant_id = (SELECT app.tenant_id()));
CREATE POLICY api_key_auth_read ON app.api_key FOR SELECT TO plant_auth
USING (TRUE);
CREATE POLICY api_key_auth_touch ON app.api_key FOR UPDATE TO plant_auth
USING (TRUE)
WITH CHECK (TRUE);
CREATE POLICY api_key_owner_read ON app.api_key FOR SELECT TO plant_owner
USING (TRUE);
CREATE POLICY api_key_owner_add ON app.api_key FOR INSERT TO plant_owner
WITH CHECK (TRUE);
CREATE POLICY api_key_owner_edit ON app.api_key FOR UPDATE TO plant_owner
USING (TRUE)
WITH CHECK (TRUE);
-- The hash of a key is nobody's business but plant_auth's.
GRANT SELECT (
    tenant_id, id, governance_agent_id, scopes, created_at, expires_at,
    revoked_at, last_used_at
) ON app.api_key TO plant_app, plant_readonly, plant_rules;
GRANT SELECT, UPDATE (last_used_at) ON app.api_key TO plant_auth;

-- idempotency: a key belongs to its governance agent
ALTER TABLE app.idempotency ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.idempotency FORCE ROW LEVEL SECURITY;
CREATE POLICY idempotency_read ON app.idempotency FOR SELECT TO plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND governance_agent_id = (SELECT app.governance_agent_id())
);
CREATE POLICY idempotency_add ON app.idempotency FOR INSERT TO plant_writer
WITH CHECK (
    tenant_id = (SELECT app.tenant_id())
    AND governance_agent_id = (SELECT app.governance_agent_id())
);
CREATE POLICY idempotency_worker_read ON app.idempotency FOR SELECT TO plant_worker
USING (TRUE);
CREATE POLICY idempotency_worker_remove ON app.idempotency FOR DELETE TO plant_worker
USING (TRUE);
GRANT SELECT, INSERT ON app.idempotency TO plant_writer;
GRANT SELECT, DELETE ON app.idempotency TO plant_worker;

-- secret: shared by the instances of the service, of no tenant
ALTER TABLE app.secret ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.secret FORCE ROW LEVEL SECURITY;
CREATE POLICY secret_read ON app.secret FOR SELECT TO plant_app, plant_worker
USING (TRUE);
CREATE POLICY secret_owner_read ON app.secret FOR SELECT TO plant_owner
USING (TRUE);
GRANT SELECT ON app.secret TO plant_app, plant_worker;
