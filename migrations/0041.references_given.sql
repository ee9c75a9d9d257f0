-- A body that refers to nothing is not asked for its references.
-- depends: 0040.batch_parents
--
-- Bodies come with all their defaults: an empty list and a null refer to nothing, and looking
-- them up cost a create more than any other part of it.
CREATE OR REPLACE FUNCTION app.resolved_body(p_kind text, p_body jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_body jsonb := p_body;
    v_missing jsonb;
BEGIN
    IF
        p_body -> 'parent_ids' <> '[]'
        OR p_body -> 'required_skills' <> '[]'
        OR p_body -> 'skill_ids' <> '[]'
        OR p_body ->> 'industry_id' IS NOT NULL
        OR p_body ->> 'job_role_id' IS NOT NULL
        OR p_body ->> 'team_id' IS NOT NULL
    THEN
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
