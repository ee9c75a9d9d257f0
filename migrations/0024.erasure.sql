-- Erasure: the past of an entity is emptied of its content, and the log says so.
-- depends: 0023.verification
--
-- The log keeps hashes of what was served, and beside them the text. Erasing an entity empties
-- the text of every version that it has had, and of its amendments; entries, hashes and their
-- order stay, so that every proof still holds. The entity goes on with a version of its own,
-- whose operation is `erase`. An empty payload is legitimate where a later version of the same
-- entity is an erasure: an erasure empties all earlier ones.
--
--   app.entity_erase(kind, id)   does it, in one transaction, under the lock of the entity's row
--   audit.erasure                which version was the last before an erasure, and by which
--                                transaction it was erased
--
-- What nothing else may do (change what is archived, empty a payload) is let through for what
-- a row of audit.erasure names, and in the transaction that wrote it only. An entity or an
-- amendment is erased by the statement that would give it the state `erased`, which is none:
-- it leads past guard and log to triggers of its own, and is never stored.

CREATE TABLE audit.erasure (
    tenant_id uuid NOT NULL,
    -- of an amendment its own
    entity_id uuid NOT NULL,
    version integer NOT NULL,
    transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
    erased_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT erasure_pkey PRIMARY KEY (tenant_id, entity_id, version),
    CONSTRAINT erasure_version_range CHECK (version >= 1)
);
COMMENT ON TABLE audit.erasure IS 'One row per erasure of an entity or an amendment: the last version that it emptied.';
CREATE INDEX erasure_transaction_idx ON audit.erasure (tenant_id, transaction_id);

ALTER TABLE audit.erasure ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit.erasure FORCE ROW LEVEL SECURITY;
CREATE POLICY erasure_read ON audit.erasure FOR SELECT TO plant_audit
USING (tenant_id = (SELECT app.tenant_id()));
CREATE POLICY erasure_add ON audit.erasure FOR INSERT TO plant_audit
WITH CHECK (tenant_id = (SELECT app.tenant_id()));
GRANT SELECT, INSERT ON audit.erasure TO plant_audit;
CREATE TRIGGER erasure_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.erasure
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
ALTER TABLE audit.erasure ENABLE ALWAYS TRIGGER erasure_append_only;

-- What an erasure reaches beside the entity: payloads, amendments of whatever author, labels,
-- staged lines.
CREATE POLICY entry_audit_read ON audit.entry FOR SELECT TO plant_audit
USING (tenant_id = (SELECT app.tenant_id()));
GRANT SELECT (tenant_id, audit_id, entity_id, version, operation) ON audit.entry TO plant_audit;
CREATE POLICY payload_audit_read ON audit.payload FOR SELECT TO plant_audit
USING (tenant_id = (SELECT app.tenant_id()));
CREATE POLICY payload_erase ON audit.payload FOR UPDATE TO plant_audit
USING (tenant_id = (SELECT app.tenant_id()))
WITH CHECK (tenant_id = (SELECT app.tenant_id()));
GRANT SELECT (tenant_id, audit_id, salt, body, reason), UPDATE (salt, body, reason)
ON audit.payload TO plant_audit;
CREATE POLICY amendment_erase ON app.amendment FOR UPDATE TO plant_audit
USING (tenant_id = (SELECT app.tenant_id()))
WITH CHECK (tenant_id = (SELECT app.tenant_id()));
GRANT SELECT (id, version), UPDATE (status) ON app.amendment TO plant_audit;
CREATE POLICY entity_label_audit_read ON app.entity_label FOR SELECT TO plant_audit
USING (tenant_id = (SELECT app.tenant_id()));
CREATE POLICY entity_label_erase ON app.entity_label FOR DELETE TO plant_audit
USING (tenant_id = (SELECT app.tenant_id()));
GRANT SELECT (tenant_id, entity_id), DELETE ON app.entity_label TO plant_audit;
CREATE POLICY import_line_audit_read ON app.import_line FOR SELECT TO plant_audit
USING (tenant_id = (SELECT app.tenant_id()));
CREATE POLICY import_line_erase ON app.import_line FOR DELETE TO plant_audit
USING (tenant_id = (SELECT app.tenant_id()));
GRANT SELECT (tenant_id, import_id), DELETE ON app.import_line TO plant_audit;
GRANT EXECUTE ON FUNCTION app.import_lock(uuid) TO plant_audit;

-- What the guard blanks of an archived entity beside its row.
CREATE POLICY entity_tag_erase ON app.entity_tag FOR DELETE TO plant_rules
USING (tenant_id = (SELECT app.tenant_id()));
GRANT DELETE ON app.entity_tag TO plant_rules;
GRANT UPDATE (embedding_384) ON app.skill_entity TO plant_rules;
GRANT UPDATE (embedding_384) ON app.industry_entity TO plant_rules;

CREATE FUNCTION audit.erasure_begun(p_tenant_id uuid, p_entity_id uuid, p_version integer)
RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table was small must not read it whole once it has grown.
SET enable_seqscan = OFF
AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM audit.erasure
        WHERE
            erasure.tenant_id = p_tenant_id
            AND erasure.entity_id = p_entity_id
            AND erasure.version = p_version
            AND erasure.transaction_id = pg_current_xact_id_if_assigned()
    );
END
$$;
COMMENT ON FUNCTION audit.erasure_begun(uuid, uuid, integer)
IS 'Whether this transaction erases an entity or amendment that stands at this version.';

GRANT EXECUTE ON FUNCTION audit.erasure_begun(uuid, uuid, integer) TO plant_rules;

CREATE FUNCTION app.require_eraser() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'Entities are erased in READ COMMITTED transactions only.'
            USING ERRCODE = 'PL013';
    END IF;
    IF 'admin' <> ALL(app.key_scopes(app.key_id(), app.governance_agent_id())) THEN
        RAISE EXCEPTION 'Erasing needs a key with scope admin.'
            USING ERRCODE = 'PL007', DETAIL = '{"required_scope": "admin"}';
    END IF;
END
$$;
COMMENT ON FUNCTION app.require_eraser() IS 'Raises PL007 unless the key may erase.';

CREATE FUNCTION app.require_erasure(p_tenant_id uuid, p_id uuid, p_version integer)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT audit.erasure_begun(p_tenant_id, p_id, p_version) THEN
        RAISE EXCEPTION 'It is erased by app.entity_erase only.' USING ERRCODE = 'PL013';
    END IF;
    PERFORM app.require_eraser();
END
$$;
COMMENT ON FUNCTION app.require_erasure(uuid, uuid, integer)
IS 'Raises unless this transaction erases an entity or amendment that stands at this version.';
GRANT EXECUTE ON FUNCTION
app.require_eraser(), app.require_erasure(uuid, uuid, integer)
TO plant_rules;

-- The next version of an entity that is erased. Whatever else the statement would change is
-- not looked at: the row stays what it was, and what is archived loses what it says.
CREATE FUNCTION app.base_entity_erasure() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table was small must not read it whole once it has grown.
SET enable_seqscan = OFF
AS $$
BEGIN
    PERFORM app.require_erasure(OLD.tenant_id, OLD.id, OLD.version);
    NEW := OLD;
    NEW.version := OLD.version + 1;
    NEW.updated_at := greatest(clock_timestamp(), OLD.updated_at + interval '1 microsecond');
    IF OLD.status = 'archived' THEN
        NEW.name := 'erased';
        NEW.description := CASE WHEN OLD.entity_type <> 'industry' THEN 'erased' END;
        NEW.external_id := NULL;
        NEW.aliases := '{}';
        NEW.custom_attributes := '{}';
        NEW.governance_notes := NULL;
        DELETE FROM app.entity_tag
        WHERE entity_tag.tenant_id = OLD.tenant_id AND entity_tag.entity_id = OLD.id;
        UPDATE app.skill_entity SET embedding_384 = NULL
        WHERE skill_entity.tenant_id = OLD.tenant_id AND skill_entity.id = OLD.id;
        UPDATE app.industry_entity SET embedding_384 = NULL
        WHERE industry_entity.tenant_id = OLD.tenant_id AND industry_entity.id = OLD.id;
    END IF;
    NEW.document := app.entity_document(NEW);
    -- Until its entry is written; without one no constraint lets it be stored.
    NEW.status := 'erased';
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION app.base_entity_erasure() IS 'Trigger: the version by which an entity is erased; blanks what is archived.';

-- The next version of an amendment whose entity is erased: it proposes nothing any more, and
-- shows what the entity has become.
CREATE FUNCTION app.amendment_erasure() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table was small must not read it whole once it has grown.
SET enable_seqscan = OFF
AS $$
DECLARE
    v_document text;
BEGIN
    PERFORM app.require_erasure(OLD.tenant_id, OLD.id, OLD.version);
    SELECT base_entity.document INTO STRICT v_document
    FROM app.base_entity
    WHERE base_entity.tenant_id = OLD.tenant_id AND base_entity.id = OLD.entity_id;
    NEW := OLD;
    NEW.version := OLD.version + 1;
    NEW.updated_at := greatest(clock_timestamp(), OLD.updated_at + interval '1 microsecond');
    NEW.patch := '{}';
    NEW.document := app.amendment_document(NEW, v_document, NEW.patch);
    -- Until its entry is written, as above.
    NEW.status := 'erased';
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION app.amendment_erasure() IS 'Trigger: the version by which an amendment is erased with its entity.';

CREATE FUNCTION audit.erasure_log() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.status := OLD.status;
    -- Left behind by whoever works in SQL: it is the reason of a step.
    PERFORM set_config('app.step_reason', '', TRUE);
    SELECT appended.audit_id, appended.entry_hash INTO NEW.last_entry_id, NEW.version_hash
    FROM audit.append_entry(
        NEW.tenant_id,
        CASE tg_table_name WHEN 'amendment' THEN 'amendment' ELSE NEW.entity_type END,
        NEW.id, NEW.version, 'erase', app.governance_agent_id()::text, app.key_id()::text,
        NEW.updated_at, NEW.document, OLD.version_hash,
        -- Not NEW.private_to: a generated column is computed after these triggers. Entities
        -- are drafts, amendments that may be erased are withdrawn.
        CASE WHEN NEW.status IN ('draft', 'withdrawn') THEN NEW.governance_agent_id END
    ) AS appended;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION audit.erasure_log() IS 'Trigger: writes the entry of an erasure, of an entity or an amendment.';

-- Guard and log as they are, but for what is being erased. A trigger is made by who may call its
-- function, which only its owner lets.
SET LOCAL ROLE plant_rules;
GRANT EXECUTE ON FUNCTION app.base_entity_guard(), app.amendment_guard() TO plant_owner;
SET LOCAL ROLE plant_audit;
GRANT EXECUTE ON FUNCTION audit.base_entity_log(), audit.amendment_log() TO plant_owner;
SET LOCAL ROLE plant_owner;
CREATE OR REPLACE TRIGGER base_entity_10_guard BEFORE INSERT OR UPDATE ON app.base_entity
FOR EACH ROW WHEN (new.status IS DISTINCT FROM 'erased') EXECUTE FUNCTION app.base_entity_guard();
CREATE TRIGGER base_entity_20_erasure BEFORE UPDATE ON app.base_entity
FOR EACH ROW WHEN (new.status = 'erased') EXECUTE FUNCTION app.base_entity_erasure();
CREATE OR REPLACE TRIGGER base_entity_90_log BEFORE INSERT OR UPDATE ON app.base_entity
FOR EACH ROW WHEN (new.status IS DISTINCT FROM 'erased') EXECUTE FUNCTION audit.base_entity_log();
CREATE TRIGGER base_entity_91_erasure BEFORE UPDATE ON app.base_entity
FOR EACH ROW WHEN (new.status = 'erased') EXECUTE FUNCTION audit.erasure_log();
ALTER TABLE app.base_entity ENABLE ALWAYS TRIGGER base_entity_10_guard;
ALTER TABLE app.base_entity ENABLE ALWAYS TRIGGER base_entity_20_erasure;
ALTER TABLE app.base_entity ENABLE ALWAYS TRIGGER base_entity_90_log;
ALTER TABLE app.base_entity ENABLE ALWAYS TRIGGER base_entity_91_erasure;
CREATE OR REPLACE TRIGGER amendment_10_guard BEFORE INSERT OR UPDATE ON app.amendment
FOR EACH ROW WHEN (new.status IS DISTINCT FROM 'erased') EXECUTE FUNCTION app.amendment_guard();
CREATE TRIGGER amendment_20_erasure BEFORE UPDATE ON app.amendment
FOR EACH ROW WHEN (new.status = 'erased') EXECUTE FUNCTION app.amendment_erasure();
CREATE OR REPLACE TRIGGER amendment_90_log BEFORE INSERT OR UPDATE ON app.amendment
FOR EACH ROW WHEN (new.status IS DISTINCT FROM 'erased') EXECUTE FUNCTION audit.amendment_log();
CREATE TRIGGER amendment_91_erasure BEFORE UPDATE ON app.amendment
FOR EACH ROW WHEN (new.status = 'erased') EXECUTE FUNCTION audit.erasure_log();
ALTER TABLE app.amendment ENABLE ALWAYS TRIGGER amendment_10_guard;
ALTER TABLE app.amendment ENABLE ALWAYS TRIGGER amendment_20_erasure;
ALTER TABLE app.amendment ENABLE ALWAYS TRIGGER amendment_90_log;
ALTER TABLE app.amendment ENABLE ALWAYS TRIGGER amendment_91_erasure;
SET LOCAL ROLE plant_rules;
REVOKE EXECUTE ON FUNCTION app.base_entity_guard(), app.amendment_guard() FROM plant_owner;
SET LOCAL ROLE plant_audit;
REVOKE EXECUTE ON FUNCTION audit.base_entity_log(), audit.amendment_log() FROM plant_owner;
SET LOCAL ROLE plant_owner;

-- Payloads. A statement trigger, so that an UPDATE is refused that would meet no row, and one
-- that looks at each row.
CREATE FUNCTION audit.payload_update() RETURNS trigger
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
COMMENT ON FUNCTION audit.payload_update() IS 'Trigger: refuses an UPDATE outside an erasure.';

-- The log has to say so already.
CREATE FUNCTION audit.erases(p_tenant_id uuid, p_audit_id uuid) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (
        SELECT
        FROM audit.entry AS emptied
        INNER JOIN audit.erasure
            ON
                erasure.tenant_id = emptied.tenant_id
                AND erasure.entity_id = emptied.entity_id
                AND erasure.version >= emptied.version
        INNER JOIN audit.entry AS said
            ON
                said.tenant_id = erasure.tenant_id
                AND said.entity_id = erasure.entity_id
                AND said.version = erasure.version + 1
        WHERE
            emptied.tenant_id = p_tenant_id
            AND emptied.audit_id = p_audit_id
            AND erasure.transaction_id = pg_current_xact_id_if_assigned()
            AND said.operation = 'erase'
    );
END
$$;
COMMENT ON FUNCTION audit.erases(uuid, uuid) IS 'Whether this transaction has erased what an entry is of.';
GRANT EXECUTE ON FUNCTION audit.erases(uuid, uuid) TO plant_audit;

CREATE FUNCTION audit.payload_emptying() RETURNS trigger
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
COMMENT ON FUNCTION audit.payload_emptying() IS 'Trigger: lets a payload be emptied where the log says so, and nothing else.';

CREATE OR REPLACE TRIGGER payload_append_only BEFORE DELETE OR TRUNCATE ON audit.payload
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER payload_10_update BEFORE UPDATE ON audit.payload
FOR EACH STATEMENT EXECUTE FUNCTION audit.payload_update();
CREATE TRIGGER payload_20_emptying BEFORE UPDATE ON audit.payload
FOR EACH ROW EXECUTE FUNCTION audit.payload_emptying();
ALTER TABLE audit.payload ENABLE ALWAYS TRIGGER payload_append_only;
ALTER TABLE audit.payload ENABLE ALWAYS TRIGGER payload_10_update;
ALTER TABLE audit.payload ENABLE ALWAYS TRIGGER payload_20_emptying;

-- The parts of app.entity_erase that see what its caller may not: amendments that another
-- governance agent has withdrawn, payloads of drafts, staged lines.

CREATE FUNCTION audit.begin_erasure(p_entity_id uuid, p_version integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- The entity's row is locked: no amendment comes, and none is closed.
    IF EXISTS (
        SELECT FROM app.amendment
        WHERE
            amendment.tenant_id = app.tenant_id()
            AND amendment.entity_id = p_entity_id
            AND amendment.status IN ('draft', 'under_review')
    ) THEN
        RAISE EXCEPTION 'An amendment of it is open: have it certified, rejected or withdrawn.'
            USING ERRCODE = 'PL022';
    END IF;
    PERFORM
    FROM app.amendment
    WHERE
        amendment.tenant_id = app.tenant_id()
        AND amendment.entity_id = p_entity_id
        AND amendment.status IN ('certified', 'rejected', 'withdrawn')
    ORDER BY amendment.id
    FOR NO KEY UPDATE;
    INSERT INTO audit.erasure (tenant_id, entity_id, version)
    VALUES (app.tenant_id(), p_entity_id, p_version);
    INSERT INTO audit.erasure (tenant_id, entity_id, version)
    SELECT amendment.tenant_id, amendment.id, amendment.version
    FROM app.amendment
    WHERE
        amendment.tenant_id = app.tenant_id()
        AND amendment.entity_id = p_entity_id
        AND amendment.status IN ('certified', 'rejected', 'withdrawn');
END
$$;
COMMENT ON FUNCTION audit.begin_erasure(uuid, integer)
IS 'Notes that a locked entity is erased with its amendments; raises PL022 while one is open.';

CREATE FUNCTION audit.erase(p_entity_id uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table was small must not read it whole once it has grown.
SET enable_seqscan = OFF
AS $$
DECLARE
    v_amendments bigint;
    v_dead uuid[];
BEGIN
    UPDATE app.amendment SET status = 'erased'
    WHERE
        amendment.tenant_id = app.tenant_id()
        AND amendment.entity_id = p_entity_id
        AND amendment.status IN ('certified', 'rejected', 'withdrawn');
    GET DIAGNOSTICS v_amendments = ROW_COUNT;

    UPDATE audit.payload SET salt = NULL, body = NULL, reason = NULL
    FROM audit.erasure
    INNER JOIN audit.entry
        ON
            entry.tenant_id = erasure.tenant_id
            AND entry.entity_id = erasure.entity_id
            AND entry.version <= erasure.version
    WHERE
        erasure.tenant_id = app.tenant_id()
        AND erasure.transaction_id = pg_current_xact_id()
        AND payload.tenant_id = entry.tenant_id
        AND payload.audit_id = entry.audit_id
        -- not those that an earlier one has emptied
        AND num_nonnulls(payload.salt, payload.body, payload.reason) > 0;

    DELETE FROM app.entity_label
    WHERE entity_label.tenant_id = app.tenant_id() AND entity_label.entity_id = p_entity_id;

    -- Of imports that have ended without tidying up. One that runs removes its own.
    WITH staged AS MATERIALIZED (
        SELECT DISTINCT import_line.import_id
        FROM app.import_line
        WHERE import_line.tenant_id = app.tenant_id()
    )

    SELECT coalesce(array_agg(staged.import_id), '{}') INTO v_dead
    FROM staged
    WHERE pg_try_advisory_xact_lock(app.import_lock(staged.import_id));
    DELETE FROM app.import_line
    WHERE import_line.tenant_id = app.tenant_id() AND import_line.import_id = ANY(v_dead);
    RETURN v_amendments;
END
$$;
COMMENT ON FUNCTION audit.erase(uuid)
IS 'Empties what is left of an entity that has been erased; returns how many amendments it had.';
GRANT EXECUTE ON FUNCTION audit.begin_erasure(uuid, integer), audit.erase(uuid) TO plant_rules;

CREATE TYPE app.erased AS (
    id uuid,
    version integer,
    status text,
    etag text,
    audit_id uuid,
    entry_hash bytea,
    amendments bigint
);
COMMENT ON TYPE app.erased IS 'What an erasure answers with: the version that says so, and of how many amendments.';
GRANT USAGE ON TYPE app.erased TO plant_app, plant_rules;

CREATE FUNCTION app.entity_erase(p_kind text, p_id uuid) RETURNS app.erased
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_version integer;
    v_amendments bigint;
    v_erased app.erased;
BEGIN
    -- Before anything is said of what there is.
    PERFORM app.require_eraser();
    SELECT base_entity.version INTO v_version
    FROM app.base_entity
    WHERE
        base_entity.tenant_id = app.tenant_id()
        AND base_entity.id = p_id
        AND base_entity.entity_type = p_kind
        AND (
            base_entity.private_to IS NULL
            OR base_entity.private_to = app.governance_agent_id()
        )
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'No % with this id is visible to you.', replace(p_kind, '_', ' ')
            USING ERRCODE = 'PL001';
    END IF;
    PERFORM audit.begin_erasure(p_id, v_version);
    UPDATE app.base_entity SET status = 'erased'
    WHERE base_entity.tenant_id = app.tenant_id() AND base_entity.id = p_id;
    v_amendments := audit.erase(p_id);
    SELECT
        base_entity.id, base_entity.version, base_entity.status,
        app.etag(base_entity.version, base_entity.version_hash),
        base_entity.last_entry_id, base_entity.version_hash, v_amendments
    INTO v_erased
    FROM app.base_entity
    WHERE base_entity.tenant_id = app.tenant_id() AND base_entity.id = p_id;
    RETURN v_erased;
END
$$;
COMMENT ON FUNCTION app.entity_erase(text, uuid)
IS 'Empties the past of an entity and of its amendments; what it is now stays, unless it is archived.';
GRANT EXECUTE ON FUNCTION app.entity_erase(text, uuid) TO plant_app;

-- Handing a function over needs CREATE on its schema for that moment.
GRANT CREATE ON SCHEMA app TO plant_rules;
GRANT CREATE ON SCHEMA audit TO plant_audit;
ALTER FUNCTION app.base_entity_erasure() OWNER TO plant_rules;
ALTER FUNCTION app.amendment_erasure() OWNER TO plant_rules;
ALTER FUNCTION app.entity_erase(text, uuid) OWNER TO plant_rules;
ALTER FUNCTION audit.erasure_begun(uuid, uuid, integer) OWNER TO plant_audit;
ALTER FUNCTION audit.erasure_log() OWNER TO plant_audit;
ALTER FUNCTION audit.payload_update() OWNER TO plant_audit;
ALTER FUNCTION audit.payload_emptying() OWNER TO plant_audit;
ALTER FUNCTION audit.begin_erasure(uuid, integer) OWNER TO plant_audit;
ALTER FUNCTION audit.erase(uuid) OWNER TO plant_audit;
REVOKE CREATE ON SCHEMA app FROM plant_rules;
REVOKE CREATE ON SCHEMA audit FROM plant_audit;
