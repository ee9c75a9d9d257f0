-- What list statements share: prefix ranges and the filters that are applied on the fly.
-- depends: 0011.statistics

CREATE FUNCTION app.name_key(p_name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
RETURN casefold(normalize(p_name, nfkc) COLLATE pg_unicode_fast) COLLATE "C";
COMMENT ON FUNCTION app.name_key(text) IS 'What names are compared by: NFKC, case folded.';

-- starts_with and LIKE are no index conditions under row security; a range is. The end of
-- the range is the prefix with its last character counted up.
CREATE FUNCTION app.prefix_end(p_prefix text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_head text := rtrim(p_prefix, chr(1114111));
    v_last integer := ascii(right(v_head, 1));
BEGIN
    -- Nothing but last characters: above it is only what is longer than any name's key.
    IF v_head = '' THEN
        RETURN repeat(chr(1114111), 4096);
    END IF;
    RETURN left(v_head, -1) || chr(CASE v_last WHEN 55295 THEN 57344 ELSE v_last + 1 END);
END
$$;
COMMENT ON FUNCTION app.prefix_end(text) IS 'The smallest text above all that begin with the prefix (collation C).';

-- A list is driven by one filter, whose index also carries the order; the others are
-- asked here, of the document. p_filters holds one array of text per filter, any of
-- which may match.
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

GRANT EXECUTE ON FUNCTION
app.name_key(text), app.prefix_end(text), app.document_matches(text, text, jsonb)
TO plant_app, plant_readonly;
