-- Undoes 0025.pruning. What has been pruned stays in its files, and its entries in the log.
DROP FUNCTION audit.prune_log(uuid, bigint, text, bytea);
DROP TYPE audit.pruned;
ALTER TABLE app.base_entity DROP CONSTRAINT base_entity_id_range;
DROP FUNCTION app.document_gone(uuid);

GRANT CREATE ON SCHEMA audit TO plant_audit;
SET LOCAL ROLE plant_audit;
CREATE OR REPLACE FUNCTION audit.payload_emptying() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table was small must not read it whole once it has grown.
SET enable_seqscan = OFF
AS $$
BEGIN
    IF (NEW.tenant_id, NEW.audit_id, NEW.successor_id, NEW.private_to)
        IS DISTINCT FROM (OLD.tenant_id, OLD.audit_id, OLD.successor_id, OLD.private_to)
        OR num_nonnulls(NEW.salt, NEW.body, NEW.reason) > 0
        OR NOT audit.erases(OLD.tenant_id, OLD.audit_id)
    THEN
        RAISE EXCEPTION 'UPDATE on audit.payload is refused: this is no erasure of its entity.'
            USING ERRCODE = 'PL013';
    END IF;
    RETURN NEW;
END
$$;
CREATE OR REPLACE FUNCTION audit.payload_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table was small must not read it whole once it has grown.
SET enable_seqscan = OFF
AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM audit.erasure
        WHERE
            erasure.tenant_id = app.tenant_id()
            AND erasure.transaction_id = pg_current_xact_id_if_assigned()
    ) THEN
        RAISE EXCEPTION 'UPDATE on audit.payload is refused: history is append-only.'
            USING ERRCODE = 'PL013';
    END IF;
    RETURN NULL;
END
$$;
SET LOCAL ROLE plant_owner;
REVOKE CREATE ON SCHEMA audit FROM plant_audit;
DROP FUNCTION audit.prunes(uuid, uuid);

REVOKE SELECT (entity_type, at, entry_hash) ON audit.entry FROM plant_audit;
REVOKE SELECT (tenant_id, pos, audit_id) ON audit.position FROM plant_audit;
DROP POLICY position_audit_read ON audit.position;
DROP TABLE audit.prune;
