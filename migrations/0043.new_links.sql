-- Links of what is new are written without looking for what is there.
-- depends: 0042.import_sets
--
-- Whose draft rows are is told of what is new only, so nothing is there of it; and of a single
-- entity, which is the usual case, its body is asked and not a statement. Bodies come with all
-- their defaults: an empty list of what is new writes nothing. This was a fifth of a create.
CREATE OR REPLACE FUNCTION app.write_links(
    p_kind text, p_ids uuid[], p_bodies jsonb[], p_private_to uuid
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_with_tags uuid[];
    v_with_parents uuid[];
    v_exists boolean := FALSE;
BEGIN
    PERFORM app.check_bodies(p_kind, p_bodies);
    IF p_private_to IS NOT NULL AND cardinality(p_ids) = 1 THEN
        IF p_bodies[1] -> 'tags' <> '[]' THEN
            v_with_tags := p_ids;
        END IF;
        IF p_bodies[1] -> 'parent_ids' <> '[]' THEN
            v_with_parents := p_ids;
        END IF;
    ELSE
        SELECT
            array_agg(line.id) FILTER (WHERE line.body ? 'tags'),
            array_agg(line.id) FILTER (WHERE line.body ? 'parent_ids')
        INTO v_with_tags, v_with_parents
        FROM unnest(p_ids, p_bodies) AS line (id, body);
    END IF;
    IF coalesce(v_with_tags, v_with_parents) IS NULL THEN
        RETURN;
    END IF;
    IF p_private_to IS NULL THEN
        SELECT EXISTS (
            SELECT FROM app.base_entity
            WHERE base_entity.tenant_id = app.tenant_id() AND base_entity.id = ANY(p_ids)
        ) INTO v_exists;
    END IF;
    IF v_with_tags IS NOT NULL THEN
        IF v_exists THEN
            DELETE FROM app.entity_tag
            WHERE
                entity_tag.tenant_id = app.tenant_id()
                AND entity_tag.entity_id = ANY(v_with_tags);
        END IF;
        INSERT INTO app.entity_tag (tenant_id, entity_id, entity_type, tag, private_to)
        SELECT
            app.tenant_id(), line.id, p_kind, tag.value,
            CASE WHEN v_exists THEN app.privacy_of(line.id, p_private_to) ELSE p_private_to END
        FROM unnest(p_ids, p_bodies) AS line (id, body)
        CROSS JOIN LATERAL jsonb_array_elements_text(line.body -> 'tags') AS tag (value);
    END IF;
    IF v_with_parents IS NOT NULL THEN
        IF v_exists THEN
            DELETE FROM app.entity_parent
            WHERE
                entity_parent.tenant_id = app.tenant_id()
                AND entity_parent.entity_id = ANY(v_with_parents);
        END IF;
        INSERT INTO app.entity_parent (
            tenant_id, entity_id, parent_id, entity_type, private_to
        )
        SELECT
            app.tenant_id(), line.id, (parent.value #>> '{}')::uuid, p_kind,
            CASE WHEN v_exists THEN app.privacy_of(line.id, p_private_to) ELSE p_private_to END
        FROM unnest(p_ids, p_bodies) AS line (id, body)
        CROSS JOIN LATERAL jsonb_array_elements(line.body -> 'parent_ids') AS parent (value);
        PERFORM app.check_parents(p_ids, NOT v_exists);
    END IF;
END
$$;
