-- Undoes 0024.erasure. What has been erased stays so, and its entries stay in the log.
DROP FUNCTION app.entity_erase(text, uuid);
DROP TYPE app.erased;
DROP FUNCTION audit.erase(uuid);
DROP FUNCTION audit.begin_erasure(uuid, integer);

CREATE OR REPLACE TRIGGER payload_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.payload
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
ALTER TABLE audit.payload ENABLE ALWAYS TRIGGER payload_append_only;
DROP TRIGGER payload_20_emptying ON audit.payload;
DROP TRIGGER payload_10_update ON audit.payload;
DROP FUNCTION audit.payload_emptying();
DROP FUNCTION audit.erases(uuid, uuid);
DROP FUNCTION audit.payload_update();

-- A trigger is made by who may call its function, which only its owner lets.
SET LOCAL ROLE plant_rules;
GRANT EXECUTE ON FUNCTION app.base_entity_guard(), app.amendment_guard() TO plant_owner;
SET LOCAL ROLE plant_audit;
GRANT EXECUTE ON FUNCTION audit.base_entity_log(), audit.amendment_log() TO plant_owner;
SET LOCAL ROLE plant_owner;
DROP TRIGGER amendment_91_erasure ON app.amendment;
DROP TRIGGER amendment_20_erasure ON app.amendment;
CREATE OR REPLACE TRIGGER amendment_10_guard BEFORE INSERT OR UPDATE ON app.amendment
FOR EACH ROW EXECUTE FUNCTION app.amendment_guard();
CREATE OR REPLACE TRIGGER amendment_90_log BEFORE INSERT OR UPDATE ON app.amendment
FOR EACH ROW EXECUTE FUNCTION audit.amendment_log();
ALTER TABLE app.amendment ENABLE ALWAYS TRIGGER amendment_10_guard;
ALTER TABLE app.amendment ENABLE ALWAYS TRIGGER amendment_90_log;

DROP TRIGGER base_entity_91_erasure ON app.base_entity;
DROP TRIGGER base_entity_20_erasure ON app.base_entity;
CREATE OR REPLACE TRIGGER base_entity_10_guard BEFORE INSERT OR UPDATE ON app.base_entity
FOR EACH ROW EXECUTE FUNCTION app.base_entity_guard();
CREATE OR REPLACE TRIGGER base_entity_90_log BEFORE INSERT OR UPDATE ON app.base_entity
FOR EACH ROW EXECUTE FUNCTION audit.base_entity_log();
ALTER TABLE app.base_entity ENABLE ALWAYS TRIGGER base_entity_10_guard;
ALTER TABLE app.base_entity ENABLE ALWAYS TRIGGER base_entity_90_log;
SET LOCAL ROLE plant_rules;
REVOKE EXECUTE ON FUNCTION app.base_entity_guard(), app.amendment_guard() FROM plant_owner;
SET LOCAL ROLE plant_audit;
REVOKE EXECUTE ON FUNCTION audit.base_entity_log(), audit.amendment_log() FROM plant_owner;
SET LOCAL ROLE plant_owner;

DROP FUNCTION audit.erasure_log();
DROP FUNCTION app.amendment_erasure();
DROP FUNCTION app.base_entity_erasure();
DROP FUNCTION app.require_erasure(uuid, uuid, integer);
DROP FUNCTION app.require_eraser();
DROP FUNCTION audit.erasure_begun(uuid, uuid, integer);

REVOKE UPDATE (embedding_384) ON app.industry_entity FROM plant_rules;
REVOKE UPDATE (embedding_384) ON app.skill_entity FROM plant_rules;
REVOKE DELETE ON app.entity_tag FROM plant_rules;
DROP POLICY entity_tag_erase ON app.entity_tag;
REVOKE EXECUTE ON FUNCTION app.import_lock(uuid) FROM plant_audit;
REVOKE SELECT (tenant_id, import_id), DELETE ON app.import_line FROM plant_audit;
DROP POLICY import_line_erase ON app.import_line;
DROP POLICY import_line_audit_read ON app.import_line;
REVOKE SELECT (tenant_id, entity_id), DELETE ON app.entity_label FROM plant_audit;
DROP POLICY entity_label_erase ON app.entity_label;
DROP POLICY entity_label_audit_read ON app.entity_label;
REVOKE SELECT (id, version), UPDATE (status) ON app.amendment FROM plant_audit;
DROP POLICY amendment_erase ON app.amendment;
REVOKE SELECT (tenant_id, audit_id, salt, body, reason), UPDATE (salt, body, reason)
ON audit.payload FROM plant_audit;
DROP POLICY payload_erase ON audit.payload;
DROP POLICY payload_audit_read ON audit.payload;
REVOKE SELECT (tenant_id, audit_id, entity_id, version, operation) ON audit.entry FROM plant_audit;
DROP POLICY entry_audit_read ON audit.entry;
DROP TABLE audit.erasure;
