-- A request that is repeated under its Idempotency-Key is answered, not done again.
-- depends: 0015.amendments
--
-- All of it happens in the transaction of the write, in its one call:
--
--   app.remembered(request)                      before the effect: the first answer, if any
--   app.remember(request, status, audit_ids)     after it
--   app.create_once, app.amend_once, …           the two around one write
--
-- A request is {"key", "method", "path", "request_hash"}; NULL, or the JSON null that can be
-- typed in psql, says that there is no key. What is kept is no answer but the ids of the log
-- entries: their bytes are the answer. What was refused has left nothing, and is done again.

CREATE TYPE app.answer AS (
    id uuid,
    version integer,
    document text,
    etag text,
    audit_id uuid,
    entry_hash bytea,
    status integer,
    replayed boolean
);
COMMENT ON TYPE app.answer IS 'What a write answers with: app.written, the HTTP status, whether it was done before.';
GRANT USAGE ON TYPE app.answer TO plant_app, plant_rules;

CREATE FUNCTION app.forgotten_before() RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN now() - interval '24 hours';
COMMENT ON FUNCTION app.forgotten_before() IS 'Answers that were remembered at this time or earlier are forgotten.';
GRANT EXECUTE ON FUNCTION app.forgotten_before()
TO plant_writer, plant_rules, plant_worker;

-- Rows go in the order of their age, a batch at a time. A BRIN index sees no young block
-- once new rows fill the room of old ones: its ranges only grow. Nothing was written into
-- the table before this release, so nobody waits for the new one.
-- squawk-ignore require-concurrent-index-deletion
DROP INDEX app.idempotency_created_at_idx;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX idempotency_created_at_idx ON app.idempotency (created_at);

-- A key is kept for its governance agent and the path it was sent to.
CREATE POLICY idempotency_rules_read ON app.idempotency FOR SELECT TO plant_rules
USING (
    tenant_id = (SELECT app.tenant_id())
    AND governance_agent_id = (SELECT app.governance_agent_id())
);
-- A row that is forgotten but not yet removed is written over.
CREATE POLICY idempotency_edit ON app.idempotency FOR UPDATE TO plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND governance_agent_id = (SELECT app.governance_agent_id())
)
WITH CHECK (
    tenant_id = (SELECT app.tenant_id())
    AND governance_agent_id = (SELECT app.governance_agent_id())
);
GRANT SELECT ON app.idempotency TO plant_rules;
GRANT UPDATE (request_hash, status, audit_ids, created_at) ON app.idempotency TO plant_writer;

-- A certifier who rejects is answered with a draft that is no longer theirs to see, and the
-- repeated request has to be answered with the same bytes.
CREATE POLICY payload_rules_read ON audit.payload FOR SELECT TO plant_rules
USING (tenant_id = (SELECT app.tenant_id()));
GRANT SELECT ON audit.payload TO plant_rules;

-- One row for each entry that the request wrote, in that order; none when it has to be done.
-- Answers with nothing but what the caller's own governance agent wrote.
CREATE FUNCTION app.remembered(p_request jsonb) RETURNS SETOF app.answer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_known record;
    v_is_ours boolean := FALSE;
    v_audit_id uuid;
    v_scopes text[];
    v_scope text;
BEGIN
    -- The first look needs no lock, so that repetitions are not in each other's way. The
    -- second, at READ COMMITTED, sees what was committed before the lock came free.
    LOOP
        -- Its age is asked afterwards, so that no plan looks for it by its age.
        SELECT
            idempotency.request_hash, idempotency.status, idempotency.audit_ids,
            idempotency.created_at
        INTO v_known
        FROM app.idempotency
        WHERE
            idempotency.tenant_id = app.tenant_id()
            AND idempotency.governance_agent_id = app.governance_agent_id()
            AND idempotency.method = p_request ->> 'method'
            AND idempotency.path = p_request ->> 'path'
            AND idempotency.key = p_request ->> 'key';
        EXIT WHEN v_known.created_at > app.forgotten_before();
        IF v_is_ours THEN
            RETURN;
        END IF;
        -- Held until the transaction ends. Two keys of one hash would only be told to wait.
        v_is_ours := pg_try_advisory_xact_lock(hashtextextended(
            concat_ws(
                ' ', 'plant idempotency', app.tenant_id(), app.governance_agent_id(),
                p_request ->> 'method', p_request ->> 'path', p_request ->> 'key'),
            0));
        IF NOT v_is_ours THEN
            RAISE EXCEPTION 'A request with this Idempotency-Key is still running.'
                USING ERRCODE = 'PL019';
        END IF;
    END LOOP;
    -- The triggers ask this of whoever writes; here nothing is going to be written.
    v_scopes := app.key_scopes(app.key_id(), app.governance_agent_id());
    IF v_known.request_hash <> decode(p_request ->> 'request_hash', 'hex') THEN
        RAISE EXCEPTION 'This Idempotency-Key was used here for another request.'
            USING ERRCODE = 'PL020';
    END IF;
    -- One by one: a plan for a list of ids would be made anew for every list.
    FOREACH v_audit_id IN ARRAY v_known.audit_ids LOOP
        -- Another key of the same agent may repeat what it could have done itself.
        SELECT coalesce(max(life_cycle_step.scope), 'write') INTO v_scope
        FROM audit.entry
        INNER JOIN app.life_cycle_step ON entry.operation = life_cycle_step.operation
        WHERE entry.tenant_id = app.tenant_id() AND entry.audit_id = v_audit_id;
        IF v_scope <> ALL(v_scopes) THEN
            RAISE EXCEPTION 'What this request did needs a key with scope %.', v_scope
                USING ERRCODE = 'PL007',
                DETAIL = jsonb_build_object('required_scope', v_scope)::text;
        END IF;
        RETURN QUERY
            SELECT
                entry.entity_id, entry.version, payload.body,
                app.etag(entry.version, entry.entry_hash), entry.audit_id, entry.entry_hash,
                v_known.status::integer, TRUE
            FROM audit.entry
            INNER JOIN audit.payload
                ON
                    payload.tenant_id = app.tenant_id()
                    AND payload.audit_id = v_audit_id
            WHERE
                entry.tenant_id = app.tenant_id()
                AND entry.audit_id = v_audit_id
                AND entry.actor = app.governance_agent_id()::text
                AND payload.body IS NOT NULL;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'What this request wrote has been erased since.'
                USING ERRCODE = 'PL001';
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION app.remembered(jsonb)
IS 'The first answer to a request of the last 24 hours; raises PL019 while it runs, PL020 for another one.';

-- After app.remembered in the same transaction, whose lock keeps others of this key away.
CREATE FUNCTION app.remember(p_request jsonb, p_status integer, p_audit_ids uuid[])
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO app.idempotency AS known (
        tenant_id, governance_agent_id, method, path, key, request_hash, status, audit_ids
    ) VALUES (
        app.tenant_id(), app.governance_agent_id(), p_request ->> 'method',
        p_request ->> 'path', p_request ->> 'key',
        decode(p_request ->> 'request_hash', 'hex'), p_status, p_audit_ids
    )
    ON CONFLICT ON CONSTRAINT idempotency_pkey DO UPDATE SET
        request_hash = excluded.request_hash,
        status = excluded.status,
        audit_ids = excluded.audit_ids,
        created_at = excluded.created_at
    WHERE known.created_at <= app.forgotten_before();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'A request with this Idempotency-Key is still running.'
            USING ERRCODE = 'PL019';
    END IF;
END
$$;
COMMENT ON FUNCTION app.remember(jsonb, integer, uuid[])
IS 'Keeps what a request has written, so that app.remembered finds it; raises PL019 when it was kept already.';

-- The writes. They run as the caller: what writes beneath them has its own rights.
CREATE FUNCTION app.create_once(p_kind text, p_body jsonb, p_request jsonb)
RETURNS app.answer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_ids uuid[] := ARRAY[uuidv7()];
    v_bodies jsonb[];
    v_answer app.answer;
BEGIN
    IF p_request <> 'null' THEN
        SELECT remembered.* INTO v_answer FROM app.remembered(p_request) AS remembered;
        IF FOUND THEN
            RETURN v_answer;
        END IF;
    END IF;
    v_bodies := ARRAY[app.resolved_body(p_kind, p_body)];
    CASE p_kind
        WHEN 'skill' THEN
            SELECT written.*, 201, FALSE INTO v_answer
            FROM app.skill_create(v_ids, v_bodies, 'draft') AS written;
        WHEN 'industry' THEN
            SELECT written.*, 201, FALSE INTO v_answer
            FROM app.industry_create(v_ids, v_bodies, 'draft') AS written;
        WHEN 'job_role' THEN
            SELECT written.*, 201, FALSE INTO v_answer
            FROM app.job_role_create(v_ids, v_bodies, 'draft') AS written;
        WHEN 'team' THEN
            SELECT written.*, 201, FALSE INTO v_answer
            FROM app.team_create(v_ids, v_bodies, 'draft') AS written;
        WHEN 'agent' THEN
            SELECT written.*, 201, FALSE INTO v_answer
            FROM app.agent_create(v_ids, v_bodies, 'draft') AS written;
    END CASE;
    IF p_request <> 'null' THEN
        PERFORM app.remember(p_request, v_answer.status, ARRAY[v_answer.audit_id]);
    END IF;
    RETURN v_answer;
END
$$;
COMMENT ON FUNCTION app.create_once(text, jsonb, jsonb) IS 'Creates a draft, once for each key.';

CREATE FUNCTION app.amend_once(
    p_kind text, p_id uuid, p_etags text, p_patch jsonb, p_request jsonb
) RETURNS app.answer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_ids uuid[] := ARRAY[p_id];
    v_etags text[] := ARRAY[p_etags];
    v_bodies jsonb[];
    v_answer app.answer;
BEGIN
    IF p_request <> 'null' THEN
        SELECT remembered.* INTO v_answer FROM app.remembered(p_request) AS remembered;
        IF FOUND THEN
            RETURN v_answer;
        END IF;
    END IF;
    v_bodies := ARRAY[app.resolved_body(p_kind, p_patch)];
    CASE p_kind
        WHEN 'skill' THEN
            SELECT written.*, 200, FALSE INTO v_answer
            FROM app.skill_amend(v_ids, v_etags, v_bodies, TRUE, NULL) AS written;
        WHEN 'industry' THEN
            SELECT written.*, 200, FALSE INTO v_answer
            FROM app.industry_amend(v_ids, v_etags, v_bodies, TRUE, NULL) AS written;
        WHEN 'job_role' THEN
            SELECT written.*, 200, FALSE INTO v_answer
            FROM app.job_role_amend(v_ids, v_etags, v_bodies, TRUE, NULL) AS written;
        WHEN 'team' THEN
            SELECT written.*, 200, FALSE INTO v_answer
            FROM app.team_amend(v_ids, v_etags, v_bodies, TRUE, NULL) AS written;
        WHEN 'agent' THEN
            SELECT written.*, 200, FALSE INTO v_answer
            FROM app.agent_amend(v_ids, v_etags, v_bodies, TRUE, NULL) AS written;
    END CASE;
    IF p_request <> 'null' THEN
        PERFORM app.remember(p_request, v_answer.status, ARRAY[v_answer.audit_id]);
    END IF;
    RETURN v_answer;
END
$$;
COMMENT ON FUNCTION app.amend_once(text, uuid, text, jsonb, jsonb) IS 'Changes an entity by a merge patch, once for each key.';

CREATE FUNCTION app.step_once(
    p_kind text, p_id uuid, p_etags text, p_to text, p_reason text, p_successor_id uuid,
    p_request jsonb
) RETURNS app.answer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_answer app.answer;
BEGIN
    IF p_request <> 'null' THEN
        SELECT remembered.* INTO v_answer FROM app.remembered(p_request) AS remembered;
        IF FOUND THEN
            RETURN v_answer;
        END IF;
    END IF;
    SELECT written.*, 200, FALSE INTO v_answer
    FROM
        app.entity_step(p_kind, p_id, p_etags, p_to, p_reason, p_successor_id) AS written;
    IF p_request <> 'null' THEN
        PERFORM app.remember(p_request, v_answer.status, ARRAY[v_answer.audit_id]);
    END IF;
    RETURN v_answer;
END
$$;
COMMENT ON FUNCTION app.step_once(text, uuid, text, text, text, uuid, jsonb) IS 'Takes one life-cycle step, once for each key.';

CREATE FUNCTION app.amendment_propose_once(
    p_kind text, p_entity_id uuid, p_etags text, p_patch jsonb, p_request jsonb
) RETURNS app.answer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_answer app.answer;
BEGIN
    IF p_request <> 'null' THEN
        SELECT remembered.* INTO v_answer FROM app.remembered(p_request) AS remembered;
        IF FOUND THEN
            RETURN v_answer;
        END IF;
    END IF;
    SELECT written.*, CASE written.version WHEN 1 THEN 201 ELSE 200 END, FALSE INTO v_answer
    FROM app.amendment_propose(p_kind, p_entity_id, p_etags, p_patch) AS written;
    IF p_request <> 'null' THEN
        PERFORM app.remember(p_request, v_answer.status, ARRAY[v_answer.audit_id]);
    END IF;
    RETURN v_answer;
END
$$;
COMMENT ON FUNCTION app.amendment_propose_once(text, uuid, text, jsonb, jsonb)
IS 'Opens or changes an amendment, once for each key.';

CREATE TYPE app.amendment_answer AS (
    id uuid,
    version integer,
    document text,
    etag text,
    audit_id uuid,
    entry_hash bytea,
    status integer,
    replayed boolean,
    entity_etag text
);
COMMENT ON TYPE app.amendment_answer IS 'app.answer for a step of an amendment; entity_etag as in app.amendment_stepped.';
GRANT USAGE ON TYPE app.amendment_answer TO plant_app;

-- A certification has written two entries: the amendment's, then the entity's.
CREATE FUNCTION app.amendment_step_once(
    p_kind text, p_entity_id uuid, p_etags text, p_to text, p_reason text, p_request jsonb
) RETURNS app.amendment_answer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_known app.answer;
    v_answer app.amendment_answer;
    v_audit_ids uuid[];
BEGIN
    IF p_request <> 'null' THEN
        FOR v_known IN SELECT remembered.* FROM app.remembered(p_request) AS remembered LOOP
            IF v_answer.replayed THEN
                v_answer.entity_etag := v_known.etag;
            ELSE
                SELECT v_known.*, NULL INTO v_answer;
            END IF;
        END LOOP;
        IF v_answer.replayed THEN
            RETURN v_answer;
        END IF;
    END IF;
    SELECT
        stepped.id, stepped.version, stepped.document, stepped.etag, stepped.audit_id,
        stepped.entry_hash, 200, FALSE, stepped.entity_etag
    INTO v_answer
    FROM app.amendment_take_step(p_kind, p_entity_id, p_etags, p_to, p_reason) AS stepped;
    IF p_request <> 'null' THEN
        v_audit_ids := ARRAY[v_answer.audit_id];
        IF v_answer.entity_etag IS NOT NULL THEN
            SELECT v_audit_ids || base_entity.last_entry_id INTO STRICT v_audit_ids
            FROM app.base_entity
            WHERE base_entity.tenant_id = app.tenant_id() AND base_entity.id = p_entity_id;
        END IF;
        PERFORM app.remember(p_request, v_answer.status, v_audit_ids);
    END IF;
    RETURN v_answer;
END
$$;
COMMENT ON FUNCTION app.amendment_step_once(text, uuid, text, text, text, jsonb)
IS 'Takes one step of an amendment, once for each key.';

GRANT EXECUTE ON FUNCTION
app.remembered(jsonb), app.remember(jsonb, integer, uuid[]),
app.create_once(text, jsonb, jsonb),
app.amend_once(text, uuid, text, jsonb, jsonb),
app.step_once(text, uuid, text, text, text, uuid, jsonb),
app.amendment_propose_once(text, uuid, text, jsonb, jsonb),
app.amendment_step_once(text, uuid, text, text, text, jsonb)
TO plant_app;

GRANT CREATE ON SCHEMA app TO plant_writer, plant_rules;
ALTER FUNCTION app.remember(jsonb, integer, uuid[]) OWNER TO plant_writer;
ALTER FUNCTION app.remembered(jsonb) OWNER TO plant_rules;
REVOKE CREATE ON SCHEMA app FROM plant_writer, plant_rules;
