-- Undoes 0028.embedding. Labels stay; nothing tells any more up to where a tenant is embedded.
DROP FUNCTION app.write_labels(
    uuid, text, bigint, uuid[], integer[],
    uuid[], text[], bytea[], text[], public.vector[], public.vector[]
);
DROP FUNCTION app.label_lock(uuid);
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
ALTER TABLE app.entity_label_default RESET (TOAST_TUPLE_TARGET);
ALTER TABLE app.entity_label_default
    ALTER COLUMN embedding_384 SET STORAGE EXTERNAL,
    ALTER COLUMN lexical_384 SET STORAGE EXTERNAL;
ALTER TABLE app.entity_label
    ALTER COLUMN embedding_384 SET STORAGE EXTERNAL,
    ALTER COLUMN lexical_384 SET STORAGE EXTERNAL;
