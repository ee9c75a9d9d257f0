-- An entity is written by the id that its caller gave it.
-- depends: 0032.links
--
-- What is sent is the whole of it: a field that is left out is emptied, but for a vector, which
-- no document shows. Where the entity is so already nothing is written.

CREATE FUNCTION app.put_once(
    p_kind text, p_external_id text, p_etags text, p_is_new boolean, p_body jsonb,
    p_request jsonb
) RETURNS app.answer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_answer app.answer;
    v_body jsonb := p_body || jsonb_build_object('external_id', p_external_id);
    v_locked uuid;
    v_moves boolean := FALSE;
BEGIN
    IF p_request <> 'null' THEN
        SELECT remembered.* INTO v_answer FROM app.remembered(p_request) AS remembered;
        IF FOUND THEN
            RETURN v_answer;
        END IF;
    END IF;
    IF NOT p_is_new THEN
        v_body := app.resolved_body(p_kind, v_body);
    END IF;
    -- Parents are locked before the entity, and by nobody who leaves them as they are.
    LOOP
        SELECT
            base_entity.id, base_entity.version, base_entity.document,
            app.etag(base_entity.version, base_entity.version_hash), NULL, NULL, 200, FALSE
        INTO v_answer
        FROM app.base_entity
        WHERE
            base_entity.tenant_id = app.tenant_id()
            AND base_entity.entity_type = p_kind
            AND base_entity.external_id = p_external_id;
        EXIT WHEN NOT FOUND OR p_is_new OR v_answer.id = v_locked;
        IF (v_answer.document::jsonb -> 'parent_ids') <> (v_body -> 'parent_ids') THEN
            PERFORM app.lock_parents(ARRAY[v_body]);
            v_moves := TRUE;
        END IF;
        IF p_kind = 'agent' THEN
            PERFORM app.lock_teams(ARRAY[v_body]);
        END IF;
        PERFORM FROM app.base_entity
        WHERE base_entity.tenant_id = app.tenant_id() AND base_entity.id = v_answer.id
        FOR NO KEY UPDATE;
        v_locked := v_answer.id;
    END LOOP;
    IF p_is_new AND v_answer.id IS NULL THEN
        RETURN app.create_once(p_kind, v_body, p_request);
    END IF;
    IF p_is_new THEN
        RAISE EXCEPTION 'It is there already: send If-Match with its ETag to change it.'
            USING ERRCODE = 'PL002',
            DETAIL = jsonb_build_object('current_etag', '"' || v_answer.etag || '"')::text;
    END IF;
    IF v_answer.id IS NULL THEN
        RAISE EXCEPTION
            'No % with this external id is visible to you: If-None-Match: * creates it.',
            replace(p_kind, '_', ' ')
            USING ERRCODE = 'PL001';
    END IF;
    PERFORM app.require_etag(v_answer.etag, p_etags);
    IF NOT app.differs(v_answer.document::jsonb, v_body) THEN
        RETURN v_answer;
    END IF;
    IF (v_answer.document::jsonb -> 'parent_ids') = (v_body -> 'parent_ids') THEN
        v_body := v_body - 'parent_ids';
    ELSIF v_body ? 'parent_ids' AND NOT v_moves THEN
        -- They changed before the entity was locked: to lock parents now would be too late.
        RAISE EXCEPTION 'The parents have just changed.' USING ERRCODE = '40001';
    END IF;
    PERFORM app.import_amend(p_kind, ARRAY[v_answer.id], ARRAY[v_body], NULL);
    SELECT
        base_entity.id, base_entity.version, base_entity.document,
        app.etag(base_entity.version, base_entity.version_hash), base_entity.last_entry_id,
        base_entity.version_hash, 200, FALSE
    INTO STRICT v_answer
    FROM app.base_entity
    WHERE base_entity.tenant_id = app.tenant_id() AND base_entity.id = v_answer.id;
    IF p_request <> 'null' THEN
        PERFORM app.remember(p_request, v_answer.status, ARRAY[v_answer.audit_id]);
    END IF;
    RETURN v_answer;
END
$$;
COMMENT ON FUNCTION app.put_once(text, text, text, boolean, jsonb, jsonb)
IS 'Creates what has an external id, or makes it what is sent, once for each key; what is so already stays, without an entry.';

GRANT EXECUTE ON FUNCTION
app.put_once(text, text, text, boolean, jsonb, jsonb),
app.differs(jsonb, jsonb), app.lock_parents(jsonb[]),
app.import_amend(text, uuid[], jsonb[], text)
TO plant_app;
