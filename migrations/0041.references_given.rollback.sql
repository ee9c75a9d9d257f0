-- Undoes 0041.references_given.
CREATE OR REPLACE FUNCTION app.resolved_body(p_kind text, p_body jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_body jsonb := p_body;
    v_missing jsonb;
BEGIN
    IF p_body ?| '{parent_ids,required_skills,skill_ids,industry_id,job_role_id,team_id}' THEN
        SELECT resolved.body, resolved.missing INTO v_body, v_missing
        FROM app.resolve_references(p_kind, ARRAY[p_body]) AS resolved;
        IF v_missing IS NOT NULL THEN
            RAISE EXCEPTION 'It refers to what does not exist or is not visible to you.'
                USING ERRCODE = 'PL005', DETAIL = jsonb_build_object('errors', v_missing)::text;
        END IF;
    END IF;
    RETURN v_body;
END
$$;
