-- Undoes 0028.embedding. Labels stay; nothing tells any more up to where a tenant is embedded.
DROP FUNCTION app.write_labels(
    uuid, text, bigint, uuid[], integer[],
    uuid[], text[], bytea[], text[], public.vector[], public.vector[]
);
DROP FUNCTION app.label_lock(uuid);
GRANT CREATE ON SCHEMA app TO plant_rules;
SET LOCAL ROLE plant_rules;
CREATE OR REPLACE FUNCTION app.base_entity_privacy() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table was small must not read it whole once it has grown.
SET enable_seqscan = OFF
AS $$
BEGIN
    UPDATE app.entity_parent SET private_to = NEW.private_to
    WHERE tenant_id = NEW.tenant_id AND entity_id = NEW.id;
    UPDATE app.entity_tag SET private_to = NEW.private_to
    WHERE tenant_id = NEW.tenant_id AND entity_id = NEW.id;
    UPDATE app.entity_label SET private_to = NEW.private_to
    WHERE tenant_id = NEW.tenant_id AND entity_id = NEW.id;
    CASE NEW.entity_type
        WHEN 'skill' THEN
            UPDATE app.skill_entity SET private_to = NEW.private_to
            WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
        WHEN 'industry' THEN
            UPDATE app.industry_entity SET private_to = NEW.private_to
            WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
        WHEN 'job_role' THEN
            UPDATE app.job_role_entity SET private_to = NEW.private_to
            WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
            UPDATE app.job_role_skill SET private_to = NEW.private_to
            WHERE tenant_id = NEW.tenant_id AND job_role_id = NEW.id;
        WHEN 'team' THEN
            UPDATE app.team_entity SET private_to = NEW.private_to
            WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
        WHEN 'agent' THEN
            UPDATE app.agent_entity SET private_to = NEW.private_to
            WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
            UPDATE app.agent_skill SET private_to = NEW.private_to
            WHERE tenant_id = NEW.tenant_id AND agent_id = NEW.id;
    END CASE;
    RETURN NULL;
END
$$;
SET LOCAL ROLE plant_owner;
REVOKE CREATE ON SCHEMA app FROM plant_rules;
DROP FUNCTION app.due_labels(uuid, uuid, text, text, timestamptz);
DROP VIEW app.wanted_label;

REVOKE INSERT, DELETE ON app.entity_label FROM plant_rules;
DROP POLICY entity_label_rules_remove ON app.entity_label;
DROP POLICY entity_label_rules_add ON app.entity_label;
GRANT INSERT, UPDATE, DELETE ON app.entity_label TO plant_worker;
CREATE POLICY entity_label_worker_add ON app.entity_label FOR INSERT TO plant_worker
WITH CHECK (TRUE);
CREATE POLICY entity_label_worker_edit ON app.entity_label FOR UPDATE TO plant_worker
USING (TRUE)
WITH CHECK (TRUE);
CREATE POLICY entity_label_worker_remove ON app.entity_label FOR DELETE TO plant_worker
USING (TRUE);

DROP TABLE app.label_cursor;
COMMENT ON COLUMN app.entity_label.embedder IS NULL;
ALTER TABLE app.entity_label DROP COLUMN embedded_at;
ALTER TABLE app.entity_label_default RESET (toast_tuple_target);
ALTER TABLE app.entity_label_default
    ALTER COLUMN embedding_384 SET STORAGE EXTERNAL,
    ALTER COLUMN lexical_384 SET STORAGE EXTERNAL;
ALTER TABLE app.entity_label
    ALTER COLUMN embedding_384 SET STORAGE EXTERNAL,
    ALTER COLUMN lexical_384 SET STORAGE EXTERNAL;
