-- The log: one entry per change of an entity, written by a trigger, append-only.
-- depends: 0005.row_security
--
-- audit.entry    hashes only; never changed, never pruned
-- audit.payload  salt and the document that was served; hidden from others while draft
-- audit.pending  what the sequencer has not placed yet
--
-- An entry is the JSON array
--   ["plant-entry/v1", tenant, kind, entity, version, operation, actor, key, time,
--    payload hash, previous hash]
-- without white space: ids as text, version and time (microseconds since 1970) as
-- integers, hashes as lower-case hex. Payload hash = sha256(salt || document). Previous
-- hash = hash of the entity's previous entry, 64 zeros for the first. Entry hash =
-- sha256 of the array's bytes. Where an import was certified at once, actor and key name
-- both identities, joined by "+".

CREATE TABLE audit.entry (
    tenant_id uuid NOT NULL,
    audit_id uuid NOT NULL,
    entity_type text NOT NULL,
    entity_id uuid NOT NULL,
    version integer NOT NULL,
    operation text NOT NULL,
    actor text NOT NULL,
    key text NOT NULL,
    at timestamptz NOT NULL,
    payload_hash bytea NOT NULL,
    prev_hash bytea NOT NULL,
    entry_hash bytea NOT NULL,
    CONSTRAINT entry_pkey PRIMARY KEY (tenant_id, audit_id),
    CONSTRAINT entry_version_key UNIQUE (tenant_id, entity_id, version),
    CONSTRAINT entry_version_range CHECK (version >= 1),
    CONSTRAINT entry_hashes_shape CHECK (
        octet_length(payload_hash) = 32
        AND octet_length(prev_hash) = 32
        AND octet_length(entry_hash) = 32
    )
);
COMMENT ON TABLE audit.entry IS 'One row per change of an entity: who, what, when, and the hashes.';
CREATE INDEX entry_at_idx ON audit.entry USING brin (at);

CREATE TABLE audit.payload (
    tenant_id uuid NOT NULL,
    audit_id uuid NOT NULL,
    salt bytea,
    body text,
    reason text,
    successor_id uuid,
    private_to uuid,
    CONSTRAINT payload_pkey PRIMARY KEY (tenant_id, audit_id),
    CONSTRAINT payload_salt_shape CHECK (octet_length(salt) = 16),
    CONSTRAINT payload_whole_or_erased CHECK (num_nulls(salt, body) IN (0, 2))
);
-- No foreign key to audit.entry: one trigger writes both rows, and the check would be
-- paid by every change.
COMMENT ON TABLE audit.payload IS 'The document of each version and its salt; reason and successor of a life-cycle step.';
COMMENT ON COLUMN audit.payload.reason IS 'Given with a life-cycle step; outside the hash.';

CREATE TABLE audit.pending (
    -- cache 1: numbers rise in the order they are drawn
    seq bigint GENERATED ALWAYS AS IDENTITY (CACHE 1),
    tenant_id uuid NOT NULL,
    audit_id uuid NOT NULL,
    CONSTRAINT pending_pkey PRIMARY KEY (seq)
);
COMMENT ON TABLE audit.pending IS 'Entries without a position yet; the sequencer removes them.';

ALTER TABLE audit.entry ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit.entry FORCE ROW LEVEL SECURITY;
CREATE POLICY entry_read ON audit.entry FOR SELECT TO plant_app, plant_readonly, plant_rules
USING (tenant_id = (SELECT app.tenant_id()));
CREATE POLICY entry_worker_read ON audit.entry FOR SELECT TO plant_worker
USING (TRUE);
CREATE POLICY entry_add ON audit.entry FOR INSERT TO plant_audit
WITH CHECK (tenant_id = (SELECT app.tenant_id()));
GRANT SELECT ON audit.entry TO plant_app, plant_readonly, plant_rules, plant_worker;
GRANT INSERT ON audit.entry TO plant_audit;

ALTER TABLE audit.payload ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit.payload FORCE ROW LEVEL SECURITY;
CREATE POLICY payload_read ON audit.payload FOR SELECT TO plant_app, plant_readonly
USING (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY payload_worker_read ON audit.payload FOR SELECT TO plant_worker
USING (TRUE);
CREATE POLICY payload_add ON audit.payload FOR INSERT TO plant_audit
WITH CHECK (tenant_id = (SELECT app.tenant_id()));
GRANT SELECT ON audit.payload TO plant_app, plant_readonly, plant_worker;
GRANT INSERT ON audit.payload TO plant_audit;

ALTER TABLE audit.pending ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit.pending FORCE ROW LEVEL SECURITY;
CREATE POLICY pending_worker_read ON audit.pending FOR SELECT TO plant_worker
USING (TRUE);
CREATE POLICY pending_worker_remove ON audit.pending FOR DELETE TO plant_worker
USING (TRUE);
CREATE POLICY pending_add ON audit.pending FOR INSERT TO plant_audit
WITH CHECK (tenant_id = (SELECT app.tenant_id()));
GRANT SELECT, DELETE ON audit.pending TO plant_worker;
GRANT INSERT ON audit.pending TO plant_audit;

-- Append-only for everyone, whatever they were granted. ENABLE ALWAYS, so that
-- session_replication_role = replica does not get past it.
CREATE FUNCTION audit.refuse_change() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '% on %.% is refused: history is append-only.',
        tg_op, tg_table_schema, tg_table_name
        USING ERRCODE = 'PL013';
END
$$;
COMMENT ON FUNCTION audit.refuse_change() IS 'Trigger: refuses whatever statement fires it.';

CREATE TRIGGER entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.entry
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER payload_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.payload
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER pending_append_only BEFORE UPDATE OR TRUNCATE ON audit.pending
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER base_entity_append_only BEFORE DELETE OR TRUNCATE ON app.base_entity
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
ALTER TABLE audit.entry ENABLE ALWAYS TRIGGER entry_append_only;
ALTER TABLE audit.payload ENABLE ALWAYS TRIGGER payload_append_only;
ALTER TABLE audit.pending ENABLE ALWAYS TRIGGER pending_append_only;
ALTER TABLE app.base_entity ENABLE ALWAYS TRIGGER base_entity_append_only;

-- Kind rows are never deleted; link rows are, by the write functions.
CREATE TRIGGER skill_entity_append_only BEFORE DELETE OR TRUNCATE ON app.skill_entity
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER industry_entity_append_only BEFORE DELETE OR TRUNCATE ON app.industry_entity
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER job_role_entity_append_only BEFORE DELETE OR TRUNCATE ON app.job_role_entity
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER team_entity_append_only BEFORE DELETE OR TRUNCATE ON app.team_entity
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER agent_entity_append_only BEFORE DELETE OR TRUNCATE ON app.agent_entity
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
ALTER TABLE app.skill_entity ENABLE ALWAYS TRIGGER skill_entity_append_only;
ALTER TABLE app.industry_entity ENABLE ALWAYS TRIGGER industry_entity_append_only;
ALTER TABLE app.job_role_entity ENABLE ALWAYS TRIGGER job_role_entity_append_only;
ALTER TABLE app.team_entity ENABLE ALWAYS TRIGGER team_entity_append_only;
ALTER TABLE app.agent_entity ENABLE ALWAYS TRIGGER agent_entity_append_only;

-- The bytes that are hashed. Every element is plain ASCII without quotes or
-- backslashes, so concatenation is already canonical JSON.
CREATE FUNCTION audit.entry_bytes(
    p_tenant_id uuid, p_entity_type text, p_entity_id uuid, p_version integer,
    p_operation text, p_actor text, p_key text, p_at timestamptz,
    p_payload_hash bytea, p_prev_hash bytea
) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE
RETURN convert_to(
    '["plant-entry/v1","' || p_tenant_id || '","' || p_entity_type || '","' || p_entity_id
    || '",' || p_version || ',"' || p_operation || '","' || p_actor || '","' || p_key
    || '",' || (extract(EPOCH FROM p_at) * 1000000)::bigint
    || ',"' || encode(p_payload_hash, 'hex') || '","' || encode(p_prev_hash, 'hex') || '"]',
    'UTF8'
);
COMMENT ON FUNCTION audit.entry_bytes(uuid, text, uuid, integer, text, text, text, timestamptz, bytea, bytea)
IS 'The JSON array whose sha256 is an entry''s hash.';
GRANT EXECUTE ON FUNCTION
audit.entry_bytes(uuid, text, uuid, integer, text, text, text, timestamptz, bytea, bytea)
TO plant_app, plant_worker, plant_readonly, plant_audit;
