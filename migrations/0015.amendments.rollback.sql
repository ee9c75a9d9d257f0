-- First the two triggers as 0008.rules made them, by their owners.
GRANT CREATE ON SCHEMA app TO plant_rules;
GRANT CREATE ON SCHEMA audit TO plant_audit;
SET LOCAL ROLE plant_rules;
CREATE OR REPLACE FUNCTION app.base_entity_guard() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table was small must not read it whole once it has grown.
SET enable_seqscan = OFF
AS $$
DECLARE
    v_scopes text[] := app.key_scopes(app.key_id(), app.governance_agent_id());
    v_certifier uuid;
    -- What may change in force without a certification, and what changes by itself.
    v_operational constant text[] :=
        '{tags,governance_notes,team_id,status,version,updated_at}';
    v_of_step constant text[] := '{status,version,updated_at}';
BEGIN
    IF NEW.tenant_id <> app.tenant_id() THEN
        RAISE EXCEPTION 'The row belongs to another tenant.' USING ERRCODE = 'PL013';
    END IF;
    -- Rules are asked after the locks are held. An older snapshot would not show what was
    -- certified or archived while this transaction waited for them.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'Entities are changed in READ COMMITTED transactions only.'
            USING ERRCODE = 'PL013';
    END IF;
    IF NEW.status = 'active'
        AND (tg_op = 'INSERT' OR OLD.status IN ('draft', 'under_review', 'certified'))
        AND app.certifier_key_id() IS NOT NULL
    THEN
        v_certifier := app.certifier_id();
        IF v_certifier IS NULL THEN
            RAISE EXCEPTION 'Certifying needs a valid second key with scope certify.'
                USING ERRCODE = 'PL007', DETAIL = '{"required_scope": "certify"}';
        END IF;
    END IF;
    IF 'write' <> ALL(v_scopes) AND (tg_op = 'INSERT' OR NEW.status = OLD.status) THEN
        RAISE EXCEPTION 'A change needs a key with scope write.'
            USING ERRCODE = 'PL007', DETAIL = '{"required_scope": "write"}';
    END IF;
    -- Within which a name is unique: the guard's to say, so that no caller can choose it.
    NEW.name_scope := NULL;
    IF NEW.entity_type = 'industry' THEN
        SELECT industry_entity.scheme || ' ' || industry_entity.level INTO NEW.name_scope
        FROM app.industry_entity
        WHERE industry_entity.tenant_id = NEW.tenant_id AND industry_entity.id = NEW.id;
    END IF;

    IF tg_op = 'INSERT' THEN
        IF NEW.governance_agent_id <> app.governance_agent_id() THEN
            RAISE EXCEPTION 'An entity is created in the name of its own governance agent.'
                USING ERRCODE = 'PL013';
        END IF;
        IF NEW.status <> 'draft' AND v_certifier IS NULL THEN
            RAISE EXCEPTION 'An entity begins as a draft.'
                USING ERRCODE = 'PL003', DETAIL = '{"allowed": ["draft"]}';
        END IF;
        NEW.version := 1;
        NEW.created_at := clock_timestamp();
        NEW.updated_at := NEW.created_at;
        NEW.document := app.entity_document(NEW);
        IF v_certifier IS NOT NULL THEN
            PERFORM app.require_other_author(
                NEW.tenant_id, NEW.id, v_certifier, NEW.governance_agent_id);
            PERFORM app.require_rules(NEW);
        END IF;
        RETURN NEW;
    END IF;

    IF (NEW.tenant_id, NEW.id, NEW.entity_type, NEW.created_at, NEW.governance_agent_id)
        IS DISTINCT FROM
        (OLD.tenant_id, OLD.id, OLD.entity_type, OLD.created_at, OLD.governance_agent_id)
    THEN
        RAISE EXCEPTION 'Tenant, id, kind, creation time and governance agent never change.'
            USING ERRCODE = 'PL013';
    END IF;
    IF NEW.version NOT IN (OLD.version, OLD.version + 1) THEN
        RAISE EXCEPTION 'Versions step by one.' USING ERRCODE = 'PL013';
    END IF;
    IF OLD.status = 'archived' THEN
        RAISE EXCEPTION 'What is archived never changes.'
            USING ERRCODE = 'PL003', DETAIL = '{"allowed": []}';
    END IF;
    NEW.version := OLD.version + 1;
    -- Under the row lock: versions and times agree even when the clock steps back.
    NEW.updated_at := greatest(clock_timestamp(), OLD.updated_at + interval '1 microsecond');
    NEW.archived_at := CASE WHEN NEW.status = 'archived' THEN NEW.updated_at END;
    NEW.document := app.entity_document(NEW);
    -- As text: to jsonb 1 equals 1.0, but what is served and hashed would differ.
    IF OLD.status <> 'draft'
        AND (NEW.document::jsonb - v_operational)::text
        <> (OLD.document::jsonb - v_operational)::text
    THEN
        RAISE EXCEPTION 'The content of an entity that is % changes only by an amendment.',
            OLD.status
            USING ERRCODE = 'PL004', DETAIL = jsonb_build_object(
                'current_status', OLD.status,
                'errors', (
                    SELECT jsonb_agg(jsonb_build_object(
                        'pointer', '/' || replace(field.key, '_sha256', '_384'),
                        'rule', 'immutable',
                        'message', 'changes only by an amendment') ORDER BY field.key)
                    FROM jsonb_each(NEW.document::jsonb - v_operational) AS field
                    WHERE
                        field.value::text
                        IS DISTINCT FROM (OLD.document::jsonb -> field.key)::text
                ))::text;
    END IF;
    IF NEW.status <> OLD.status THEN
        IF 'write' <> ALL(v_scopes)
            AND (NEW.document::jsonb - v_of_step)::text
            <> (OLD.document::jsonb - v_of_step)::text
        THEN
            RAISE EXCEPTION 'A step with this key changes nothing but the state.'
                USING ERRCODE = 'PL007', DETAIL = '{"required_scope": "write"}';
        END IF;
        IF v_certifier IS NOT NULL THEN
            IF 'write' <> ALL(v_scopes) THEN
                RAISE EXCEPTION 'An import needs a key with scope write.'
                    USING ERRCODE = 'PL007', DETAIL = '{"required_scope": "write"}';
            END IF;
            PERFORM app.require_other_author(
                NEW.tenant_id, NEW.id, v_certifier, app.governance_agent_id());
            PERFORM app.require_rules(NEW);
        ELSE
            PERFORM app.check_step(OLD, NEW, v_scopes);
        END IF;
    END IF;
    RETURN NEW;
END
$$;

SET LOCAL ROLE plant_audit;
CREATE OR REPLACE FUNCTION audit.base_entity_log() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_audit_id uuid := uuidv7();
    v_salt bytea := uuid_send(gen_random_uuid());
    v_payload_hash bytea := sha256(v_salt || convert_to(NEW.document, 'UTF8'));
    v_prev_hash bytea := decode(repeat('00', 32), 'hex');
    v_operation text := 'create';
    v_actor text := app.governance_agent_id();
    v_key text := app.key_id();
    v_entry_hash bytea;
BEGIN
    IF tg_op = 'UPDATE' THEN
        v_prev_hash := OLD.version_hash;
        v_operation := 'amend';
    END IF;
    IF NEW.status = 'active' AND app.certifier_key_id() IS NOT NULL
        AND (tg_op = 'INSERT' OR OLD.status <> 'active')
    THEN
        v_operation := 'import';
        SELECT v_actor || '+' || api_key.governance_agent_id, v_key || '+' || api_key.id
        INTO STRICT v_actor, v_key
        FROM app.api_key
        WHERE
            api_key.tenant_id = NEW.tenant_id
            AND api_key.id = app.certifier_key_id();
    ELSIF tg_op = 'UPDATE' AND NEW.status <> OLD.status THEN
        SELECT life_cycle_step.operation INTO STRICT v_operation
        FROM app.life_cycle_step
        WHERE
            life_cycle_step.from_status = OLD.status
            AND life_cycle_step.to_status = NEW.status
            AND coalesce(
                life_cycle_step.by_author
                = (OLD.governance_agent_id = app.governance_agent_id()),
                TRUE
            );
    END IF;

    v_entry_hash := sha256(audit.entry_bytes(
        NEW.tenant_id, NEW.entity_type, NEW.id, NEW.version, v_operation, v_actor, v_key,
        NEW.updated_at, v_payload_hash, v_prev_hash));
    INSERT INTO audit.entry (
        tenant_id, audit_id, entity_type, entity_id, version, operation, actor, key, at,
        payload_hash, prev_hash, entry_hash
    ) VALUES (
        NEW.tenant_id, v_audit_id, NEW.entity_type, NEW.id, NEW.version, v_operation,
        v_actor, v_key, NEW.updated_at, v_payload_hash, v_prev_hash, v_entry_hash
    );
    INSERT INTO audit.payload (
        tenant_id, audit_id, salt, body, reason, successor_id, private_to
    ) VALUES (
        NEW.tenant_id, v_audit_id, v_salt, NEW.document,
        nullif(current_setting('app.step_reason', TRUE), ''),
        nullif(current_setting('app.step_successor_id', TRUE), '')::uuid,
        -- Not NEW.private_to: a generated column is computed after these triggers.
        CASE WHEN NEW.status = 'draft' THEN NEW.governance_agent_id END
    );
    INSERT INTO audit.pending (tenant_id, audit_id) VALUES (NEW.tenant_id, v_audit_id);
    NEW.version_hash := v_entry_hash;
    NEW.last_entry_id := v_audit_id;
    RETURN NEW;
END
$$;

SET LOCAL ROLE plant_owner;
REVOKE CREATE ON SCHEMA app FROM plant_rules;
REVOKE CREATE ON SCHEMA audit FROM plant_audit;

REVOKE EXECUTE ON FUNCTION app.merge_patch(jsonb, jsonb) FROM plant_rules;
DROP FUNCTION app.amended_etag(text, uuid, jsonb);
DROP FUNCTION app.amendment_take_step(text, uuid, text, text, text);
DROP TYPE app.amendment_stepped;
DROP FUNCTION app.amendment_propose(text, uuid, text, jsonb);
DROP TRIGGER amendment_90_log ON app.amendment;
DROP TRIGGER amendment_10_guard ON app.amendment;
DROP FUNCTION audit.amendment_log();
DROP FUNCTION audit.append_entry(
    uuid, text, uuid, integer, text, text, text, timestamptz, text, bytea, uuid
);
DROP FUNCTION app.amendment_guard();
DROP FUNCTION app.check_amendment_step(app.amendment, app.amendment, app.base_entity, text[]);
DROP FUNCTION app.require_current(app.amendment, app.base_entity);
DROP FUNCTION app.require_amendable(jsonb, jsonb);
DROP FUNCTION app.require_fields(text, jsonb);
DROP FUNCTION app.field_faults(text, jsonb);
DROP FUNCTION app.embedding_rule(jsonb);
REVOKE EXECUTE ON FUNCTION app.check_bodies(text, jsonb[]), app.name_key(text) FROM plant_rules;
DROP FUNCTION app.amendment_document(app.amendment, text, jsonb);
DROP FUNCTION app.amendment_patch(text, jsonb, jsonb);
DROP FUNCTION app.merge_difference(jsonb, jsonb);
DROP FUNCTION app.document_content(text);
DROP TABLE app.amendment_step;
DROP TABLE app.amendment;
