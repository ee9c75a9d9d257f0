-- Several operations in one transaction.
-- depends: 0033.external_ids
--
-- An operation is {"op": "create" | "amend" | "status", "kind", …}. What a later one refers to
-- is not known before: it stands there by a placeholder, that of the operation that creates it,
-- and `uses` has the places (from 0) of those whose placeholders an operation has in it.

CREATE TYPE app.batch_answer AS (
    ids uuid [],
    versions integer [],
    etags text [],
    audit_ids uuid [],
    entry_hashes bytea [],
    replayed boolean
);
COMMENT ON TYPE app.batch_answer IS 'app.answer for each operation of a batch, in their order.';
GRANT USAGE ON TYPE app.batch_answer TO plant_app;

CREATE FUNCTION app.batch_placed(
    p_operation jsonb, p_placeholders text[], p_ids uuid[]
) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_text text := p_operation::text;
    v_place integer;
BEGIN
    FOR v_place IN
        SELECT used.value::integer + 1
        FROM jsonb_array_elements_text(p_operation -> 'uses') AS used (value)
    LOOP
        v_text := replace(v_text, p_placeholders[v_place], p_ids[v_place]::text);
    END LOOP;
    RETURN v_text;
END
$$;
COMMENT ON FUNCTION app.batch_placed(jsonb, text[], uuid[])
IS 'An operation with the ids of what was created before in the place of placeholders.';

CREATE FUNCTION app.batch_lock(p_operations jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM app.lock_parents(array_agg(given.body))
    FROM (
        SELECT coalesce(operation.value -> 'body', operation.value -> 'patch') AS body
        FROM jsonb_array_elements(p_operations) AS operation (value)
    ) AS given
    WHERE given.body IS NOT NULL;
    PERFORM app.lock_teams(array_agg(given.body))
    FROM (
        SELECT coalesce(operation.value -> 'body', operation.value -> 'patch') AS body
        FROM jsonb_array_elements(p_operations) AS operation (value)
        WHERE operation.value ->> 'kind' = 'agent'
    ) AS given
    WHERE given.body ? 'team_id';
    PERFORM FROM app.base_entity
    WHERE
        base_entity.tenant_id = app.tenant_id()
        AND base_entity.id = ANY(ARRAY(
            SELECT (operation.value ->> 'id')::uuid
            FROM jsonb_array_elements(p_operations) AS operation (value)
            WHERE operation.value ? 'id'
        ))
    ORDER BY base_entity.id
    FOR NO KEY UPDATE;
END
$$;
COMMENT ON FUNCTION app.batch_lock(jsonb)
IS 'Locks what a batch is going to change in the order in which everybody does.';

CREATE FUNCTION app.batch_do(p_operation jsonb) RETURNS app.answer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_kind constant text := p_operation ->> 'kind';
    v_id constant uuid := p_operation ->> 'id';
    v_etags constant text := p_operation ->> 'etags';
BEGIN
    CASE p_operation ->> 'op'
        WHEN 'create' THEN
            RETURN app.create_once(v_kind, p_operation -> 'body', 'null');
        WHEN 'amend' THEN
            RETURN app.amend_once(v_kind, v_id, v_etags, p_operation -> 'patch', 'null');
        WHEN 'status' THEN
            RETURN app.step_once(
                v_kind, v_id, v_etags, p_operation ->> 'to', p_operation ->> 'reason',
                (p_operation ->> 'successor_id')::uuid, 'null');
    END CASE;
END
$$;
COMMENT ON FUNCTION app.batch_do(jsonb) IS 'Does one operation of a batch.';

-- What fails says which operation it was in its hint; all else of it stays as it was.
CREATE FUNCTION app.batch_once(p_operations jsonb, p_request jsonb) RETURNS app.batch_answer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_answer app.batch_answer := ROW('{}', '{}', '{}', '{}', '{}', FALSE);
    v_one app.answer;
    v_operation jsonb;
    v_place bigint;
    v_placeholders text[] := ARRAY(
        SELECT operation.value ->> 'placeholder'
        FROM jsonb_array_elements(p_operations) WITH ORDINALITY AS operation (value, nth)
        ORDER BY operation.nth
    );
    v_state text;
    v_message text;
    v_detail text;
    v_constraint text;
BEGIN
    IF p_request <> 'null' THEN
        FOR v_one IN SELECT remembered.* FROM app.remembered(p_request) AS remembered LOOP
            v_answer.replayed := TRUE;
            v_answer := app.batch_with(v_answer, v_one);
        END LOOP;
        IF v_answer.replayed THEN
            RETURN v_answer;
        END IF;
    END IF;
    PERFORM app.batch_lock(p_operations);
    BEGIN
        FOR v_operation, v_place IN
            SELECT operation.value, operation.nth - 1
            FROM jsonb_array_elements(p_operations) WITH ORDINALITY AS operation (value, nth)
            ORDER BY operation.nth
        LOOP
            v_one := app.batch_do(app.batch_placed(v_operation, v_placeholders, v_answer.ids));
            v_answer := app.batch_with(v_answer, v_one);
        END LOOP;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS
            v_state = RETURNED_SQLSTATE, v_message = MESSAGE_TEXT,
            v_detail = PG_EXCEPTION_DETAIL, v_constraint = CONSTRAINT_NAME;
        RAISE EXCEPTION USING
            ERRCODE = v_state, MESSAGE = v_message, DETAIL = v_detail,
            CONSTRAINT = v_constraint, HINT = 'operation ' || v_place;
    END;
    IF p_request <> 'null' THEN
        PERFORM app.remember(p_request, 200, v_answer.audit_ids);
    END IF;
    RETURN v_answer;
END
$$;
COMMENT ON FUNCTION app.batch_once(jsonb, jsonb)
IS 'Does all operations or none, once for each key; an error has the place of its operation as hint.';

CREATE FUNCTION app.batch_with(p_answer app.batch_answer, p_one app.answer)
RETURNS app.batch_answer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT
    p_answer.ids || p_one.id,
    p_answer.versions || p_one.version,
    p_answer.etags || p_one.etag,
    p_answer.audit_ids || p_one.audit_id,
    p_answer.entry_hashes || p_one.entry_hash,
    p_answer.replayed
$$;
COMMENT ON FUNCTION app.batch_with(app.batch_answer, app.answer)
IS 'The answer to a batch with that to its next operation.';

GRANT EXECUTE ON FUNCTION
app.batch_placed(jsonb, text[], uuid[]), app.batch_lock(jsonb), app.batch_do(jsonb),
app.batch_with(app.batch_answer, app.answer), app.batch_once(jsonb, jsonb)
TO plant_app;
