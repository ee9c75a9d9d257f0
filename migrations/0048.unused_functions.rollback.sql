-- Undoes 0048.unused_functions.
CREATE FUNCTION app.document_matches(p_document text, p_name_key text, p_filters jsonb)
RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_document jsonb := p_document;
    v_filter record;
    v_matches boolean;
BEGIN
    FOR v_filter IN
        SELECT filter.key, filter.value FROM jsonb_each(p_filters) AS filter
    LOOP
        v_matches := CASE v_filter.key
            WHEN 'name' THEN EXISTS (
                SELECT FROM jsonb_array_elements_text(v_filter.value) AS prefix (value)
                WHERE starts_with(p_name_key, app.name_key(prefix.value))
            )
            WHEN 'tag' THEN
                v_document -> 'tags'
                ?| ARRAY(SELECT jsonb_array_elements_text(v_filter.value))
            WHEN 'parent_id' THEN
                v_document -> 'parent_ids'
                ?| ARRAY(SELECT jsonb_array_elements_text(v_filter.value))
            WHEN 'skill_id' THEN EXISTS (
                SELECT
                FROM jsonb_array_elements(
                    coalesce(v_document -> 'required_skills', v_document -> 'skill_ids')
                ) AS skill (value)
                WHERE
                    v_filter.value
                    ? CASE jsonb_typeof(skill.value)
                        WHEN 'object' THEN skill.value ->> 'id'
                        ELSE skill.value #>> '{}'
                    END
            )
            ELSE v_filter.value ? (v_document ->> v_filter.key)
        END;
        IF v_matches IS NOT TRUE THEN
            RETURN FALSE;
        END IF;
    END LOOP;
    RETURN TRUE;
END
$$;
COMMENT ON FUNCTION app.document_matches(text, text, jsonb) IS 'Whether a document meets every one of these filters.';

GRANT EXECUTE ON FUNCTION app.document_matches(text, text, jsonb) TO plant_app, plant_readonly;

CREATE FUNCTION app.taken(
    p_kind text, p_id uuid, p_external_id text, p_name_key text, p_name_scope text,
    p_scheme text, p_code text
) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table was small must not read it whole once it has grown.
SET enable_seqscan = OFF
AS $$
BEGIN
    IF p_kind = 'industry' AND EXISTS (
        SELECT
        FROM app.industry_entity
        WHERE
            industry_entity.tenant_id = app.tenant_id()
            AND industry_entity.scheme = p_scheme
            AND industry_entity.code = p_code
            AND industry_entity.id IS DISTINCT FROM p_id
    ) THEN
        RETURN 'industry_entity_code_key';
    END IF;
    IF p_id IS NULL AND EXISTS (
        SELECT
        FROM app.base_entity
        WHERE
            base_entity.tenant_id = app.tenant_id()
            AND base_entity.entity_type = p_kind
            AND base_entity.external_id = p_external_id
            -- What the caller sees it would change.
            AND base_entity.private_to <> app.governance_agent_id()
    ) THEN
        RETURN 'base_entity_external_id_key';
    END IF;
    IF app.name_holder(p_kind, p_name_key, p_name_scope, p_id) IS NOT NULL THEN
        RETURN 'base_entity_name_key_key';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION app.taken(text, uuid, text, text, text, text, text) IS 'The constraint by which an entity would be refused because another one has what it says.';

GRANT EXECUTE ON FUNCTION app.taken(text, uuid, text, text, text, text, text) TO plant_writer;
GRANT CREATE ON SCHEMA app TO plant_rules;
ALTER FUNCTION app.taken(text, uuid, text, text, text, text, text) OWNER TO plant_rules;
REVOKE CREATE ON SCHEMA app FROM plant_rules;
