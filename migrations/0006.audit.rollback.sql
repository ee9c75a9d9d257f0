DROP FUNCTION audit.entry_bytes(
    uuid, text, uuid, integer, text, text, text, timestamptz, bytea, bytea
);
DROP TRIGGER agent_entity_append_only ON app.agent_entity;
DROP TRIGGER team_entity_append_only ON app.team_entity;
DROP TRIGGER job_role_entity_append_only ON app.job_role_entity;
DROP TRIGGER industry_entity_append_only ON app.industry_entity;
DROP TRIGGER skill_entity_append_only ON app.skill_entity;
DROP TRIGGER base_entity_append_only ON app.base_entity;
DROP TABLE audit.pending;
DROP TABLE audit.payload;
DROP TABLE audit.entry;
DROP FUNCTION audit.refuse_change();
