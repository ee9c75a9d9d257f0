-- Undoes 0039.restore. What was restored stays, and its entries stay in the log.
DROP TRIGGER base_entity_91_restoration ON app.base_entity;
DROP TRIGGER base_entity_20_restoration ON app.base_entity;
GRANT CREATE ON SCHEMA app TO plant_rules;
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
    v_certified text;
    v_differs boolean;
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
    -- An amendment that stands certified on this very version is about to change the entity:
    -- the transaction that certified it goes on to the next version, or is undone.
    IF tg_op = 'UPDATE' AND NEW.status = OLD.status AND app.is_in_force(OLD.status) THEN
        SELECT amendment.document INTO v_certified
        FROM app.amendment
        WHERE
            amendment.tenant_id = OLD.tenant_id
            AND amendment.entity_id = OLD.id
            AND amendment.base_version = OLD.version
            AND amendment.status = 'certified';
    END IF;
    IF v_certified IS NOT NULL THEN
        IF 'certify' <> ALL(v_scopes) THEN
            RAISE EXCEPTION 'Certifying needs a key with scope certify.'
                USING ERRCODE = 'PL007', DETAIL = '{"required_scope": "certify"}';
        END IF;
    ELSIF 'write' <> ALL(v_scopes) AND (tg_op = 'INSERT' OR NEW.status = OLD.status) THEN
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
    IF v_certified IS NOT NULL THEN
        IF app.document_content(NEW.document) <> app.document_content(v_certified) THEN
            RAISE EXCEPTION 'The change is not the one that was certified.'
                USING ERRCODE = 'PL004',
                DETAIL = jsonb_build_object('current_status', OLD.status)::text;
        END IF;
        -- The amendment's guard has asked who wrote the amendment. A tag that the certifier
        -- gave the entity since it was certified is in this document too.
        PERFORM app.require_other_author(
            NEW.tenant_id, NEW.id, app.governance_agent_id(), NULL);
        PERFORM app.require_rules(NEW);
        RETURN NEW;
    END IF;
    v_differs := OLD.status <> 'draft'
        AND app.certified_content(NEW.document) <> app.certified_content(OLD.document);
    IF v_differs
        -- An import as active writes and certifies at once: the status stays, or what was
        -- certified becomes active.
        AND app.certifier_key_id() IS NOT NULL
        AND (OLD.status, NEW.status) IN (
            ('certified', 'active'), ('active', 'active'), ('deprecated', 'deprecated')
        )
    THEN
        v_certifier := app.certifier_id();
        IF v_certifier IS NULL THEN
            RAISE EXCEPTION 'Certifying needs a valid second key with scope certify.'
                USING ERRCODE = 'PL007', DETAIL = '{"required_scope": "certify"}';
        END IF;
        PERFORM app.require_other_author(
            NEW.tenant_id, NEW.id, v_certifier, app.governance_agent_id());
        PERFORM app.require_rules(NEW);
    ELSIF v_differs THEN
        RAISE EXCEPTION '%', CASE OLD.status
                WHEN 'under_review' THEN 'It is under review: its content changes only in draft.'
                ELSE 'The content of an entity that is ' || OLD.status
                    || ' changes only by an amendment.'
            END
            USING ERRCODE = 'PL004', DETAIL = jsonb_build_object(
                'current_status', OLD.status,
                'errors', (
                    SELECT jsonb_agg(jsonb_build_object(
                        'pointer', '/' || replace(field.key, '_sha256', '_384'),
                        'rule', 'immutable',
                        'message', CASE OLD.status
                            WHEN 'under_review' THEN 'changes only in draft'
                            ELSE 'changes only by an amendment'
                        END) ORDER BY field.key)
                    FROM jsonb_each(NEW.document::jsonb - v_operational) AS field
                    WHERE
                        field.value::text
                        IS DISTINCT FROM (OLD.document::jsonb -> field.key)::text
                ))::text;
    END IF;
    IF NEW.status <> OLD.status THEN
        IF v_certifier IS NOT NULL THEN
            IF 'write' <> ALL(v_scopes) THEN
                RAISE EXCEPTION 'An import needs a key with scope write.'
                    USING ERRCODE = 'PL007', DETAIL = '{"required_scope": "write"}';
            END IF;
            PERFORM app.require_other_author(
                NEW.tenant_id, NEW.id, v_certifier, app.governance_agent_id());
            PERFORM app.require_rules(NEW);
        ELSIF (NEW.document::jsonb - v_of_step)::text
            <> (OLD.document::jsonb - v_of_step)::text
        THEN
            -- An entry says submit or certify: it hides no change of notes or tags.
            RAISE EXCEPTION 'A step changes nothing but the state.' USING ERRCODE = 'PL013';
        ELSE
            PERFORM app.check_step(OLD, NEW, v_scopes);
        END IF;
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION app.base_entity_erasure() RETURNS trigger
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

SET LOCAL ROLE plant_owner;
REVOKE CREATE ON SCHEMA app FROM plant_rules;
DROP FUNCTION app.next_time(timestamptz, uuid);
CREATE OR REPLACE FUNCTION app.require_other_author(
    p_tenant_id uuid, p_id uuid, p_certifier uuid, p_writer uuid
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_certifier = p_writer OR EXISTS (
        SELECT FROM audit.entry
        WHERE
            entry.tenant_id = p_tenant_id
            AND entry.entity_id = p_id
            AND entry.operation IN ('create', 'amend')
            AND entry.actor = p_certifier::text
            AND entry.version > (
                SELECT coalesce(max(certified.version), 0)
                FROM audit.entry AS certified
                WHERE
                    certified.tenant_id = p_tenant_id
                    AND certified.entity_id = p_id
                    AND certified.operation IN ('certify', 'import')
            )
    ) THEN
        RAISE EXCEPTION 'Nobody certifies what their own governance agent wrote; another one must.'
            USING ERRCODE = 'PL008';
    END IF;
END
$$;

DROP FUNCTION app.restored_in_force(uuid, text);
REVOKE EXECUTE ON FUNCTION
app.levels(bigint[], bigint[]), app.numbered(bigint[], bigint[])
FROM plant_rules;
DROP FUNCTION app.restore_end();
DROP FUNCTION audit.restoration_log();
DROP FUNCTION app.base_entity_restoration();
DROP FUNCTION app.restore_write(text, jsonb);
DROP FUNCTION app.restore_kind(text, jsonb[], uuid);
DROP FUNCTION app.restore_begin(jsonb);
DROP FUNCTION audit.begin_restoration(jsonb);
DROP FUNCTION audit.restoration_begun(uuid);
DROP FUNCTION app.require_restorer();
REVOKE SELECT (tenant_id, id, name), INSERT ON app.governance_agent FROM plant_audit;
DROP POLICY governance_agent_restore ON app.governance_agent;
DROP POLICY governance_agent_audit_read ON app.governance_agent;
DROP TABLE audit.restoration;
