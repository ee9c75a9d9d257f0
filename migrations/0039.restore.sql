-- Restore: what an export of entities holds goes into an empty tenant, as it was.
-- depends: 0038.in_use_count
--
--   app.restore_begin(agents)       once for each tenant, whose log has to be empty; makes the
--                                   governance agents that are named, under the ids they had
--   app.restore_write(kind, lines)  some documents of a kind: ids, times, versions and states as
--                                   they say, one entry `restore` for each
--   app.restore_end()               asks what only the whole can tell: references and cycles
--
-- All three belong into one transaction, which audit.restoration names: what nobody else may do
-- (begin with another version than 1, in another state than draft, at another time than now, in
-- another's name) is let through for what that transaction inserts, and nothing else. A document
-- that is not, byte for byte, what the tables would render again is refused.
--
-- What is restored is inserted with the state `erased`, which is none: since 0024 it leads past
-- guard and log, here to two triggers of its own, which put the document's state in its place. A
-- word of its own would have changed the conditions of guard and log, which the release before
-- then calls other triggers (L0-03).
--
-- The entry is stamped with the time of the restoration, not with what the document says: the
-- log tells what this database has seen. A draft is inserted in the name of its author, for that
-- moment, so that row security holds as always.

CREATE TABLE audit.restoration (
    tenant_id uuid NOT NULL,
    governance_agent_id uuid NOT NULL,
    key_id uuid NOT NULL,
    transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
    restored_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT restoration_pkey PRIMARY KEY (tenant_id)
);
COMMENT ON TABLE audit.restoration IS 'One row per tenant that was restored from an export: by whom, in which transaction.';
ALTER TABLE audit.restoration ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit.restoration FORCE ROW LEVEL SECURITY;
CREATE POLICY restoration_read ON audit.restoration FOR SELECT TO plant_audit
USING (tenant_id = (SELECT app.tenant_id()));
CREATE POLICY restoration_add ON audit.restoration FOR INSERT TO plant_audit
WITH CHECK (tenant_id = (SELECT app.tenant_id()));
GRANT SELECT, INSERT ON audit.restoration TO plant_audit;
CREATE TRIGGER restoration_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.restoration
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
ALTER TABLE audit.restoration ENABLE ALWAYS TRIGGER restoration_append_only;

-- Governance agents come along under the ids that the documents name.
CREATE POLICY governance_agent_audit_read ON app.governance_agent FOR SELECT TO plant_audit
USING (tenant_id = (SELECT app.tenant_id()));
CREATE POLICY governance_agent_restore ON app.governance_agent FOR INSERT TO plant_audit
WITH CHECK (tenant_id = (SELECT app.tenant_id()));
GRANT SELECT (tenant_id, id, name), INSERT ON app.governance_agent TO plant_audit;

CREATE FUNCTION app.require_restorer() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'Entities are restored in READ COMMITTED transactions only.'
            USING ERRCODE = 'PL013';
    END IF;
    IF 'admin' <> ALL(app.key_scopes(app.key_id(), app.governance_agent_id())) THEN
        RAISE EXCEPTION 'Restoring needs a key with scope admin.'
            USING ERRCODE = 'PL007', DETAIL = '{"required_scope": "admin"}';
    END IF;
END
$$;
COMMENT ON FUNCTION app.require_restorer() IS 'Raises PL007 unless the key may restore.';
GRANT EXECUTE ON FUNCTION app.require_restorer() TO plant_rules;

CREATE FUNCTION audit.restoration_begun(p_tenant_id uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM audit.restoration
        WHERE
            restoration.tenant_id = p_tenant_id
            AND restoration.transaction_id = pg_current_xact_id_if_assigned()
            -- Numbers of transactions begin anew where a dump is restored.
            AND restoration.restored_at >= transaction_timestamp()
    );
END
$$;
COMMENT ON FUNCTION audit.restoration_begun(uuid) IS 'Whether this transaction restores this tenant.';

CREATE FUNCTION audit.begin_restoration(p_agents jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_taken text;
BEGIN
    -- Of two that begin at once the second sees what the first has done.
    PERFORM pg_advisory_xact_lock(hashtextextended('plant restore ' || app.tenant_id(), 0));
    IF EXISTS (
        SELECT FROM audit.restoration WHERE restoration.tenant_id = app.tenant_id()
    ) OR EXISTS (
        SELECT FROM audit.entry WHERE entry.tenant_id = app.tenant_id()
    ) THEN
        RAISE EXCEPTION 'The tenant is not empty: its log has entries.'
            USING ERRCODE = 'PL024';
    END IF;
    INSERT INTO audit.restoration (tenant_id, governance_agent_id, key_id)
    VALUES (app.tenant_id(), app.governance_agent_id(), app.key_id());
    SELECT governance_agent.name INTO v_taken
    FROM jsonb_each_text(p_agents) AS agent (id, name)
    INNER JOIN app.governance_agent
        ON governance_agent.tenant_id = app.tenant_id() AND governance_agent.name = agent.name
    WHERE governance_agent.id <> agent.id::uuid
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Another governance agent of this tenant is named %.', v_taken
            USING ERRCODE = 'PL024';
    END IF;
    INSERT INTO app.governance_agent (tenant_id, id, name)
    SELECT app.tenant_id(), agent.id::uuid, agent.name
    FROM jsonb_each_text(p_agents) AS agent (id, name)
    WHERE NOT EXISTS (
        SELECT FROM app.governance_agent
        WHERE
            governance_agent.tenant_id = app.tenant_id()
            AND governance_agent.id = agent.id::uuid
    );
    RETURN (
        SELECT jsonb_agg(governance_agent.id ORDER BY governance_agent.id)
        FROM app.governance_agent
        WHERE governance_agent.tenant_id = app.tenant_id()
    );
END
$$;
COMMENT ON FUNCTION audit.begin_restoration(jsonb)
IS 'Notes that this transaction restores its tenant, raises PL024 unless the log is empty; makes governance agents by id and name; returns the ids of all.';
GRANT EXECUTE ON FUNCTION audit.restoration_begun(uuid), audit.begin_restoration(jsonb)
TO plant_rules;

CREATE FUNCTION app.restore_begin(p_agents jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM app.require_restorer();
    RETURN audit.begin_restoration(p_agents);
END
$$;
COMMENT ON FUNCTION app.restore_begin(jsonb)
IS 'Begins to restore an empty tenant, in the transaction that goes on with app.restore_write; returns the ids of its governance agents.';
GRANT EXECUTE ON FUNCTION app.restore_begin(jsonb) TO plant_app;

-- Rows of a kind and their links, of one author when they are drafts.
CREATE FUNCTION app.restore_kind(p_kind text, p_lines jsonb[], p_private_to uuid) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_tenant_id constant uuid := app.tenant_id();
    v_read_only constant text[] := '{
        id,entity_type,embedding_sha256,status,version,created_at,updated_at,governance_agent_id
    }';
BEGIN
    PERFORM app.check_bodies(
        p_kind, ARRAY(SELECT line.body - v_read_only FROM unnest(p_lines) AS line (body)));
    CASE p_kind
        WHEN 'skill' THEN
            INSERT INTO app.skill_entity (tenant_id, id, category, embedding_384, private_to)
            SELECT
                v_tenant_id, (line.body ->> 'id')::uuid, line.body ->> 'category',
                (line.body ->> 'embedding_384')::public.vector(384), p_private_to
            FROM unnest(p_lines) AS line (body);
        WHEN 'industry' THEN
            INSERT INTO app.industry_entity (
                tenant_id, id, scheme, code, level, embedding_384, private_to
            )
            SELECT
                v_tenant_id, (line.body ->> 'id')::uuid, line.body ->> 'scheme',
                line.body ->> 'code', (line.body ->> 'level')::smallint,
                (line.body ->> 'embedding_384')::public.vector(384), p_private_to
            FROM unnest(p_lines) AS line (body);
        WHEN 'job_role' THEN
            INSERT INTO app.job_role_entity (
                tenant_id, id, seniority_level, industry_id, private_to
            )
            SELECT
                v_tenant_id, (line.body ->> 'id')::uuid, line.body ->> 'seniority_level',
                (line.body ->> 'industry_id')::uuid, p_private_to
            FROM unnest(p_lines) AS line (body);
            INSERT INTO app.job_role_skill (
                tenant_id, job_role_id, skill_id, relation, private_to
            )
            SELECT
                v_tenant_id, (line.body ->> 'id')::uuid, (skill.value ->> 'id')::uuid,
                skill.value ->> 'relation', p_private_to
            FROM unnest(p_lines) AS line (body)
            CROSS JOIN LATERAL jsonb_array_elements(line.body -> 'required_skills') AS skill (value);
        WHEN 'team' THEN
            INSERT INTO app.team_entity (tenant_id, id, job_role_id, industry_id, private_to)
            SELECT
                v_tenant_id, (line.body ->> 'id')::uuid, (line.body ->> 'job_role_id')::uuid,
                (line.body ->> 'industry_id')::uuid, p_private_to
            FROM unnest(p_lines) AS line (body);
        WHEN 'agent' THEN
            INSERT INTO app.agent_entity (
                tenant_id, id, job_role_id, industry_id, team_id, private_to
            )
            SELECT
                v_tenant_id, (line.body ->> 'id')::uuid, (line.body ->> 'job_role_id')::uuid,
                (line.body ->> 'industry_id')::uuid, (line.body ->> 'team_id')::uuid, p_private_to
            FROM unnest(p_lines) AS line (body);
            INSERT INTO app.agent_skill (tenant_id, agent_id, skill_id, private_to)
            SELECT
                v_tenant_id, (line.body ->> 'id')::uuid, skill.id::uuid, p_private_to
            FROM unnest(p_lines) AS line (body)
            CROSS JOIN LATERAL jsonb_array_elements_text(line.body -> 'skill_ids') AS skill (id);
    END CASE;
    INSERT INTO app.entity_tag (tenant_id, entity_id, entity_type, tag, private_to)
    SELECT v_tenant_id, (line.body ->> 'id')::uuid, p_kind, tag.value, p_private_to
    FROM unnest(p_lines) AS line (body)
    CROSS JOIN LATERAL jsonb_array_elements_text(line.body -> 'tags') AS tag (value);
    INSERT INTO app.entity_parent (tenant_id, entity_id, parent_id, entity_type, private_to)
    SELECT v_tenant_id, (line.body ->> 'id')::uuid, parent.id::uuid, p_kind, p_private_to
    FROM unnest(p_lines) AS line (body)
    CROSS JOIN LATERAL jsonb_array_elements_text(line.body -> 'parent_ids') AS parent (id);
END
$$;
COMMENT ON FUNCTION app.restore_kind(text, jsonb[], uuid)
IS 'Writes what documents of a kind say beneath the base row; they are drafts of one author, or none is a draft.';

-- p_lines is a JSON array of {"document", "embedding_384"}: the bytes of a document as a text, and
-- the vector that its embedding_sha256 is of.
CREATE FUNCTION app.restore_write(p_kind text, p_lines jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table was small must not read it whole once it has grown.
SET enable_seqscan = OFF
AS $$
DECLARE
    v_restorer constant text := app.governance_agent_id();
    v_author uuid;
    v_bodies jsonb[];
    v_documents text[];
BEGIN
    FOR v_author, v_bodies, v_documents IN
        SELECT
            CASE
                WHEN line.body ->> 'status' = 'draft'
                    THEN (line.body ->> 'governance_agent_id')::uuid
            END AS author,
            array_agg(line.body ORDER BY line.place),
            array_agg(line.document ORDER BY line.place)
        FROM (
            SELECT
                given.place,
                given.value ->> 'document' AS document,
                (given.value ->> 'document')::jsonb || (given.value - 'document') AS body
            FROM jsonb_array_elements(p_lines) WITH ORDINALITY AS given (value, place)
        ) AS line
        GROUP BY author
        ORDER BY author NULLS FIRST
    LOOP
        -- A draft is seen and written by its author alone.
        PERFORM set_config(
            'app.governance_agent_id', coalesce(v_author::text, v_restorer), TRUE);
        PERFORM app.restore_kind(p_kind, v_bodies, v_author);
        INSERT INTO app.base_entity (
            tenant_id, id, entity_type, external_id, name, description, status, created_at,
            updated_at, version, aliases, custom_attributes, governance_notes,
            governance_agent_id, document
        )
        SELECT
            app.tenant_id(),
            (line.body ->> 'id')::uuid,
            p_kind,
            line.body ->> 'external_id',
            line.body ->> 'name',
            line.body ->> 'description',
            'erased',
            (line.body ->> 'created_at')::timestamptz,
            (line.body ->> 'updated_at')::timestamptz,
            (line.body ->> 'version')::integer,
            ARRAY(SELECT jsonb_array_elements_text(line.body -> 'aliases')),
            line.body -> 'custom_attributes',
            line.body ->> 'governance_notes',
            (line.body ->> 'governance_agent_id')::uuid,
            line.document
        FROM unnest(v_bodies, v_documents) AS line (body, document);
    END LOOP;
    PERFORM set_config('app.governance_agent_id', v_restorer, TRUE);
    RETURN jsonb_array_length(p_lines);
END
$$;
COMMENT ON FUNCTION app.restore_write(text, jsonb)
IS 'Writes documents of a kind as they were exported, in a transaction that restores; returns how many.';
GRANT EXECUTE ON FUNCTION app.restore_write(text, jsonb) TO plant_app;
GRANT EXECUTE ON FUNCTION app.restore_kind(text, jsonb[], uuid) TO plant_writer;

-- First of the two: the row is what its document says, and the document what the row would show.
CREATE FUNCTION app.base_entity_restoration() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table was small must not read it whole once it has grown.
SET enable_seqscan = OFF
AS $$
DECLARE
    v_given constant text := NEW.document;
    v_errors jsonb;
BEGIN
    IF NOT audit.restoration_begun(NEW.tenant_id) THEN
        RAISE EXCEPTION 'It is restored by app.restore_write only.' USING ERRCODE = 'PL013';
    END IF;
    IF NEW.updated_at > clock_timestamp() THEN
        RAISE EXCEPTION 'A document is from the future.'
            USING ERRCODE = 'PL009', DETAIL = jsonb_build_object('errors', jsonb_build_array(
                jsonb_build_object('pointer', '/updated_at', 'rule', 'past',
                    'message', 'is later than the server''s clock')))::text;
    END IF;
    NEW.name_scope := NULL;
    IF NEW.entity_type = 'industry' THEN
        SELECT industry_entity.scheme || ' ' || industry_entity.level INTO NEW.name_scope
        FROM app.industry_entity
        WHERE industry_entity.tenant_id = NEW.tenant_id AND industry_entity.id = NEW.id;
    END IF;
    NEW.status := v_given::jsonb ->> 'status';
    -- When it was archived nothing else tells: what is archived changes only when it is erased.
    NEW.archived_at := CASE WHEN NEW.status = 'archived' THEN NEW.updated_at END;
    NEW.document := app.entity_document(NEW);
    IF NEW.document IS DISTINCT FROM v_given THEN
        SELECT jsonb_agg(
            jsonb_build_object(
                'pointer', '/' || coalesce(given.key, rendered.key),
                'rule', 'as-exported',
                'message', CASE
                    WHEN coalesce(given.key, rendered.key) = 'embedding_sha256'
                        THEN 'is of a vector that the line does not have: export with embeddings'
                    ELSE 'is not written as an export writes it'
                END) ORDER BY coalesce(given.key, rendered.key))
        INTO v_errors
        FROM jsonb_each(v_given::jsonb) AS given
        FULL OUTER JOIN jsonb_each(NEW.document::jsonb) AS rendered ON given.key = rendered.key
        WHERE given.value IS DISTINCT FROM rendered.value;
        RAISE EXCEPTION 'A document is not what an export would write.'
            USING ERRCODE = 'PL009', DETAIL = jsonb_build_object(
                'errors', coalesce(v_errors, jsonb_build_array(jsonb_build_object(
                    'pointer', '', 'rule', 'as-exported',
                    'message', 'has members in another order, or other white space')))
            )::text;
    END IF;
    -- Until its entry is written; without one no constraint lets it be stored.
    NEW.status := 'erased';
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION app.base_entity_restoration() IS 'Trigger: an entity as an export has it, in the transaction that restores its tenant.';

CREATE FUNCTION audit.restoration_log() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_actor text;
    v_key text;
BEGIN
    NEW.status := NEW.document::jsonb ->> 'status';
    -- Not the context's: drafts are written in the name of their authors.
    SELECT restoration.governance_agent_id, restoration.key_id INTO STRICT v_actor, v_key
    FROM audit.restoration
    WHERE restoration.tenant_id = NEW.tenant_id;
    -- Left behind by whoever works in SQL: it is the reason of a step.
    PERFORM set_config('app.step_reason', '', TRUE);
    SELECT appended.audit_id, appended.entry_hash INTO NEW.last_entry_id, NEW.version_hash
    FROM audit.append_entry(
        NEW.tenant_id, NEW.entity_type, NEW.id, NEW.version, 'restore', v_actor, v_key,
        clock_timestamp(), NEW.document, decode(repeat('00', 32), 'hex'),
        -- Not NEW.private_to: a generated column is computed after these triggers.
        CASE WHEN NEW.status = 'draft' THEN NEW.governance_agent_id END
    ) AS appended;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION audit.restoration_log() IS 'Trigger: writes the entry of an entity that is restored.';

CREATE TRIGGER base_entity_20_restoration BEFORE INSERT ON app.base_entity
FOR EACH ROW WHEN (new.status = 'erased') EXECUTE FUNCTION app.base_entity_restoration();
CREATE TRIGGER base_entity_91_restoration BEFORE INSERT ON app.base_entity
FOR EACH ROW WHEN (new.status = 'erased') EXECUTE FUNCTION audit.restoration_log();
ALTER TABLE app.base_entity ENABLE ALWAYS TRIGGER base_entity_20_restoration;
ALTER TABLE app.base_entity ENABLE ALWAYS TRIGGER base_entity_91_restoration;

-- What no line can tell. It sees the drafts of all.
CREATE FUNCTION app.restore_end() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- The whole tenant is read, once.
SET enable_nestloop = OFF
AS $$
DECLARE
    v_tenant_id constant uuid := app.tenant_id();
    v_words text;
    v_pointer text;
    v_after bigint[];
    v_before bigint[];
BEGIN
    PERFORM app.require_restorer();
    IF NOT audit.restoration_begun(v_tenant_id) THEN
        RAISE EXCEPTION 'Nothing is being restored.' USING ERRCODE = 'PL013';
    END IF;
    -- Who commits between this look and the end of the transaction comes after it.
    IF EXISTS (
        SELECT FROM audit.entry
        WHERE entry.tenant_id = v_tenant_id AND entry.operation <> 'restore'
    ) THEN
        RAISE EXCEPTION 'Somebody has written into the tenant meanwhile. Restore into another one that is empty.'
            USING ERRCODE = 'PL024';
    END IF;
    SELECT
        format('The %s %s refers to %s, which the export does not have.',
            replace(dependent.entity_type, '_', ' '), dependent.id, reference.target_id),
        CASE
            WHEN reference.relation = 'parent' THEN '/parent_ids'
            WHEN reference.relation = 'skill' THEN '/skill_ids'
            WHEN reference.relation LIKE '%_skill' THEN '/required_skills'
            ELSE '/' || reference.relation || '_id'
        END
    INTO v_words, v_pointer
    FROM app.entity_reference AS reference
    INNER JOIN app.base_entity AS dependent
        ON dependent.tenant_id = v_tenant_id AND dependent.id = reference.dependent_id
    LEFT OUTER JOIN app.base_entity AS target
        ON
            target.tenant_id = v_tenant_id
            AND target.id = reference.target_id
            AND target.entity_type = CASE
                WHEN reference.relation = 'parent' THEN dependent.entity_type
                WHEN reference.relation LIKE '%skill' THEN 'skill'
                ELSE reference.relation
            END
    WHERE reference.tenant_id = v_tenant_id AND target.id IS NULL
    ORDER BY dependent.id, reference.target_id
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%', v_words
            USING ERRCODE = 'PL005', DETAIL = jsonb_build_object('errors', jsonb_build_array(
                jsonb_build_object('pointer', v_pointer, 'rule', 'exists',
                    'message', 'refers to what the export does not have')))::text;
    END IF;
    SELECT array_agg(child.number), array_agg(parent.number) INTO v_after, v_before
    FROM app.entity_parent
    INNER JOIN (
        SELECT base_entity.id, row_number() OVER (ORDER BY base_entity.id) AS number
        FROM app.base_entity
        WHERE base_entity.tenant_id = v_tenant_id
    ) AS child ON entity_parent.entity_id = child.id
    INNER JOIN (
        SELECT base_entity.id, row_number() OVER (ORDER BY base_entity.id) AS number
        FROM app.base_entity
        WHERE base_entity.tenant_id = v_tenant_id
    ) AS parent ON entity_parent.parent_id = parent.id
    WHERE entity_parent.tenant_id = v_tenant_id;
    IF EXISTS (
        SELECT FROM app.levels(v_after, v_before) AS level WHERE level.level IS NULL
    ) THEN
        RAISE EXCEPTION 'Parents form a cycle.'
            USING ERRCODE = 'PL012', DETAIL = jsonb_build_object('errors', jsonb_build_array(
                jsonb_build_object('pointer', '/parent_ids', 'rule', 'acyclic',
                    'message', 'An entity cannot be among its own ancestors.')))::text;
    END IF;
    RETURN (
        SELECT count(*) FROM audit.entry
        WHERE entry.tenant_id = v_tenant_id AND entry.operation = 'restore'
    );
END
$$;
COMMENT ON FUNCTION app.restore_end()
IS 'Raises PL005 or PL012 where what was restored refers to what is not there, or parents form a cycle, PL024 where the tenant has other entries; returns how many entities were restored.';
GRANT EXECUTE ON FUNCTION app.restore_end() TO plant_app;
GRANT EXECUTE ON FUNCTION
app.levels(bigint[], bigint[]), app.numbered(bigint[], bigint[])
TO plant_rules;

-- Whether a restored version was in force: whoever restores says that it had been certified. Of
-- a document that is gone nobody knows better; one that the reader may not see is a draft.
CREATE FUNCTION app.restored_in_force(p_audit_id uuid, p_operation text) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN p_operation = 'restore' AND coalesce((
        SELECT app.is_in_force(payload.body::jsonb ->> 'status')
        FROM audit.payload
        WHERE payload.tenant_id = app.tenant_id() AND payload.audit_id = p_audit_id
    ), app.document_gone(p_audit_id) IS NOT NULL);
END
$$;
COMMENT ON FUNCTION app.restored_in_force(uuid, text)
IS 'Whether an entry brought an entity back in a state in which others rely on it.';
GRANT EXECUTE ON FUNCTION app.restored_in_force(uuid, text) TO plant_app, plant_readonly;

-- Who has written a draft that was restored: whose it is, and who brought it. In force it was
-- certified before, wherever that was.
CREATE OR REPLACE FUNCTION app.require_other_author(
    p_tenant_id uuid, p_id uuid, p_certifier uuid, p_writer uuid
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_certified integer;
BEGIN
    SELECT coalesce(max(entry.version), 0) INTO v_certified
    FROM audit.entry
    WHERE
        entry.tenant_id = p_tenant_id
        AND entry.entity_id = p_id
        AND entry.operation IN ('certify', 'import');
    IF p_certifier = p_writer OR EXISTS (
        SELECT FROM audit.entry
        WHERE
            entry.tenant_id = p_tenant_id
            AND entry.entity_id = p_id
            AND entry.version > v_certified
            AND CASE entry.operation
                WHEN 'create' THEN entry.actor = p_certifier::text
                WHEN 'amend' THEN entry.actor = p_certifier::text
                WHEN 'restore' THEN EXISTS (
                    SELECT FROM app.base_entity
                    WHERE
                        base_entity.tenant_id = p_tenant_id
                        AND base_entity.id = p_id
                        AND NOT app.is_in_force(base_entity.status)
                        AND p_certifier::text
                        IN (base_entity.governance_agent_id::text, entry.actor)
                )
            END
    ) THEN
        RAISE EXCEPTION 'Nobody certifies what their own governance agent wrote; another one must.'
            USING ERRCODE = 'PL008';
    END IF;
END
$$;


-- The next version of what was restored is younger than the entry that restored it, which is
-- younger than its document says. The id of an entry holds its time, in whole milliseconds.
CREATE FUNCTION app.next_time(p_updated_at timestamptz, p_last_entry_id uuid)
RETURNS timestamptz
LANGUAGE sql VOLATILE
RETURN greatest(
    clock_timestamp(),
    p_updated_at + interval '1 microsecond',
    CASE
        WHEN uuid_extract_timestamp(p_last_entry_id) > p_updated_at + interval '1 millisecond'
            THEN uuid_extract_timestamp(p_last_entry_id) + interval '1 millisecond'
    END
);
COMMENT ON FUNCTION app.next_time(timestamptz, uuid)
IS 'The time of the next version: now, and later than the version before and its entry.';
GRANT EXECUTE ON FUNCTION app.next_time(timestamptz, uuid) TO plant_rules;

-- Handing a function over needs CREATE on its schema for that moment; so does replacing one.
GRANT CREATE ON SCHEMA app TO plant_rules, plant_writer;
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
    NEW.updated_at := app.next_time(OLD.updated_at, OLD.last_entry_id);
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
    NEW.updated_at := app.next_time(OLD.updated_at, OLD.last_entry_id);
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
ALTER FUNCTION app.restore_begin(jsonb) OWNER TO plant_rules;
ALTER FUNCTION app.restore_end() OWNER TO plant_rules;
ALTER FUNCTION app.base_entity_restoration() OWNER TO plant_rules;
ALTER FUNCTION app.restore_write(text, jsonb) OWNER TO plant_writer;
ALTER FUNCTION audit.restoration_begun(uuid) OWNER TO plant_audit;
ALTER FUNCTION audit.begin_restoration(jsonb) OWNER TO plant_audit;
ALTER FUNCTION audit.restoration_log() OWNER TO plant_audit;
REVOKE CREATE ON SCHEMA app FROM plant_rules, plant_writer;
REVOKE CREATE ON SCHEMA audit FROM plant_audit;
