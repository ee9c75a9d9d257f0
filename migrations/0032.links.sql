-- A single link is made or removed without sending the whole list.
-- depends: 0031.label_partitions
--
-- A link is one of job role and skill, agent and skill, agent and team. It is part of the first
-- one's document, whose version changes; where it already is as it should be, nothing does.

CREATE FUNCTION app.linked_patch(
    p_document jsonb, p_target_kind text, p_target_id uuid, p_link jsonb
) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE
    WHEN p_target_kind = 'team' THEN
        jsonb_build_object('team_id', CASE WHEN p_link <> 'null' THEN p_target_id END)
    WHEN p_document ? 'required_skills' THEN
        jsonb_build_object('required_skills', (
            SELECT
                coalesce(jsonb_agg(item.value ORDER BY item.nth), '[]')
                || CASE
                    WHEN p_link = 'null' THEN '[]'
                    ELSE jsonb_build_array(jsonb_build_object('id', p_target_id) || p_link)
                END
            FROM
                jsonb_array_elements(p_document -> 'required_skills')
                WITH ORDINALITY AS item (value, nth)
            WHERE item.value ->> 'id' <> p_target_id::text
        ))
    ELSE
        jsonb_build_object('skill_ids', (
            SELECT
                coalesce(jsonb_agg(item.value ORDER BY item.nth), '[]')
                || CASE WHEN p_link = 'null' THEN '[]' ELSE jsonb_build_array(p_target_id) END
            FROM
                jsonb_array_elements_text(p_document -> 'skill_ids')
                WITH ORDINALITY AS item (value, nth)
            WHERE item.value <> p_target_id::text
        ))
END
$$;
COMMENT ON FUNCTION app.linked_patch(jsonb, text, uuid, jsonb)
IS 'The merge patch that makes a link of a document, or with the JSON null removes it.';

CREATE FUNCTION app.link_of(p_document jsonb, p_target_kind text, p_target_id uuid)
RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT CASE
    WHEN p_target_kind = 'team' THEN
        CASE WHEN p_document ->> 'team_id' = p_target_id::text THEN '{}'::jsonb END
    WHEN p_document ? 'required_skills' THEN (
        SELECT item.value - 'id'
        FROM jsonb_array_elements(p_document -> 'required_skills') AS item (value)
        WHERE item.value ->> 'id' = p_target_id::text
    )
    WHEN p_document -> 'skill_ids' ? p_target_id::text THEN '{}'::jsonb
END
$$;
COMMENT ON FUNCTION app.link_of(jsonb, text, uuid)
IS 'What a document says of a link beside the id of its target; NULL where there is none.';

-- As app.agent_amend does, and before the agent: it could only wait for the team while it holds the
-- agent, for which a certification of the team may wait.
CREATE FUNCTION app.lock_teams(p_bodies jsonb[]) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
SELECT
FROM app.base_entity
WHERE
    base_entity.tenant_id = app.tenant_id()
    AND base_entity.id = ANY(ARRAY(
        SELECT (line.body ->> 'team_id')::uuid FROM unnest(p_bodies) AS line (body)
    ))
ORDER BY base_entity.id
FOR SHARE
$$;
COMMENT ON FUNCTION app.lock_teams(jsonb[]) IS 'Locks the teams that bodies of agents name, before the agents.';

CREATE FUNCTION app.require_etag(p_etag text, p_wanted text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_etag <> ALL(string_to_array(p_wanted, ',')) THEN
        RAISE EXCEPTION 'The entity has changed since you read it.'
            USING ERRCODE = 'PL002',
            DETAIL = jsonb_build_object('current_etag', '"' || p_etag || '"')::text;
    END IF;
END
$$;
COMMENT ON FUNCTION app.require_etag(text, text)
IS 'Raises PL002 where a tag is none of those that a list with commas names; NULL names all.';

CREATE FUNCTION app.link_once(
    p_kind text, p_id uuid, p_etags text, p_target_kind text, p_target_id uuid, p_link jsonb,
    p_request jsonb
) RETURNS app.answer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_answer app.answer;
    v_document jsonb;
    v_link jsonb;
BEGIN
    IF p_request <> 'null' THEN
        SELECT remembered.* INTO v_answer FROM app.remembered(p_request) AS remembered;
        IF FOUND THEN
            RETURN v_answer;
        END IF;
    END IF;
    IF p_target_kind = 'team' THEN
        PERFORM app.lock_teams(ARRAY[jsonb_build_object('team_id', p_target_id)]);
    END IF;
    SELECT
        base_entity.id, base_entity.version, base_entity.document,
        app.etag(base_entity.version, base_entity.version_hash), NULL, NULL, 200, FALSE
    INTO v_answer
    FROM app.base_entity
    WHERE
        base_entity.tenant_id = app.tenant_id()
        AND base_entity.id = p_id
        AND base_entity.entity_type = p_kind
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'No % with this id is visible to you.', replace(p_kind, '_', ' ')
            USING ERRCODE = 'PL001';
    END IF;
    PERFORM app.require_etag(v_answer.etag, p_etags);
    v_document := v_answer.document::jsonb;
    v_link := app.link_of(v_document, p_target_kind, p_target_id);
    IF v_link = p_link THEN
        RETURN v_answer;
    END IF;
    -- What is to go may be hidden by now, as a skill that was taken back to draft.
    IF p_link = 'null' AND v_link IS NULL THEN
        RAISE EXCEPTION 'The % has no link to a % with this id.',
            replace(p_kind, '_', ' '), replace(p_target_kind, '_', ' ')
            USING ERRCODE = 'PL001';
    END IF;
    IF p_link <> 'null' AND NOT EXISTS (
        SELECT FROM app.base_entity
        WHERE
            base_entity.tenant_id = app.tenant_id()
            AND base_entity.id = p_target_id
            AND base_entity.entity_type = p_target_kind
    ) THEN
        RAISE EXCEPTION 'No % with this id is visible to you.', replace(p_target_kind, '_', ' ')
            USING ERRCODE = 'PL001';
    END IF;
    RETURN app.amend_once(
        p_kind, p_id, v_answer.etag,
        app.linked_patch(v_document, p_target_kind, p_target_id, p_link), p_request);
END
$$;
COMMENT ON FUNCTION app.link_once(text, uuid, text, text, uuid, jsonb, jsonb)
IS 'Makes a link, or with the JSON null removes it, once for each key; what already is so stays, without an entry.';

GRANT EXECUTE ON FUNCTION
app.linked_patch(jsonb, text, uuid, jsonb), app.link_of(jsonb, text, uuid),
app.lock_teams(jsonb[]), app.require_etag(text, text),
app.link_once(text, uuid, text, text, uuid, jsonb, jsonb)
TO plant_app;
