-- How a write happens: one function per kind and operation, owned by plant_writer.
-- depends: 0008.rules
--
-- Each takes sets (a single write is a set of one, an import a set of a thousand): kind
-- and link rows first, base rows last, whose triggers check, render and log. Bodies are
-- JSON objects that hold only the fields that are given; references in them are ids
-- (app.resolve_references makes them so).
--
-- Rows are named by `= ANY(ids)` or asked for one by one, never left to a join alone: a
-- plan made while a table was empty may join by reading the whole tenant, and is kept.

CREATE TYPE app.written AS (
    id uuid,
    version integer,
    document text,
    etag text,
    audit_id uuid,
    entry_hash bytea
);
COMMENT ON TYPE app.written IS 'What a write answers with.';
GRANT USAGE ON TYPE app.written TO plant_app, plant_writer, plant_rules;

-- RFC 7396.
CREATE FUNCTION app.merge_patch(p_target jsonb, p_patch jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_result jsonb := CASE WHEN jsonb_typeof(p_target) = 'object' THEN p_target ELSE '{}' END;
    v_member record;
BEGIN
    IF jsonb_typeof(p_patch) <> 'object' THEN
        RETURN p_patch;
    END IF;
    FOR v_member IN SELECT member.key, member.value FROM jsonb_each(p_patch) AS member LOOP
        IF v_member.value = 'null' THEN
            v_result := v_result - v_member.key;
        ELSE
            v_result := v_result || jsonb_build_object(
                v_member.key,
                app.merge_patch(v_result -> v_member.key, v_member.value));
        END IF;
    END LOOP;
    RETURN v_result;
END
$$;
COMMENT ON FUNCTION app.merge_patch(jsonb, jsonb) IS 'JSON Merge Patch (RFC 7396).';
GRANT EXECUTE ON FUNCTION app.merge_patch(jsonb, jsonb) TO plant_writer;

-- Bodies with every reference turned into an id, and what cannot be found. A reference
-- is an id, {"id": …} or {"external_id": …}. Runs as the caller: another governance
-- agent's draft is as absent as what never was.
CREATE FUNCTION app.resolve_references(p_kind text, p_bodies jsonb[])
RETURNS TABLE (line integer, body jsonb, missing jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH given AS MATERIALIZED (
    SELECT given.line::integer AS line, given.body
    FROM unnest(p_bodies) WITH ORDINALITY AS given (body, line)
),

reference AS (
    SELECT
        given.line, field.name AS field, field.target, NULL::bigint AS item_no,
        given.body -> field.name AS item
    FROM given
    CROSS JOIN (
        VALUES ('industry_id', 'industry'), ('job_role_id', 'job_role'), ('team_id', 'team')
    ) AS field (name, target)
    WHERE jsonb_typeof(given.body -> field.name) IN ('string', 'object')
    UNION ALL
    SELECT given.line, field.name, field.target, item.item_no, item.value
    FROM given
    CROSS JOIN (
        VALUES ('parent_ids', p_kind), ('required_skills', 'skill'), ('skill_ids', 'skill')
    ) AS field (name, target)
    CROSS JOIN LATERAL jsonb_array_elements(
        CASE jsonb_typeof(given.body -> field.name)
            WHEN 'array' THEN given.body -> field.name
            ELSE '[]'
        END
    ) WITH ORDINALITY AS item (value, item_no)
),

found AS (
    SELECT reference.*, target.id
    FROM reference
    LEFT JOIN LATERAL (
        SELECT base_entity.id
        FROM app.base_entity
        WHERE
            base_entity.tenant_id = (SELECT app.tenant_id())
            AND base_entity.id = CASE jsonb_typeof(reference.item)
                WHEN 'string' THEN reference.item #>> '{}'
                ELSE reference.item ->> 'id'
            END::uuid
            AND base_entity.entity_type = reference.target
        UNION ALL
        SELECT base_entity.id
        FROM app.base_entity
        WHERE
            base_entity.tenant_id = (SELECT app.tenant_id())
            AND base_entity.entity_type = reference.target
            AND base_entity.external_id = CASE jsonb_typeof(reference.item)
                WHEN 'object' THEN reference.item ->> 'external_id'
            END
        LIMIT 1
    ) AS target ON TRUE
),

resolved AS (
    SELECT
        found.line,
        found.field,
        CASE
            WHEN min(found.item_no) IS NULL THEN to_jsonb(min(found.id::text))
            WHEN found.field = 'required_skills' THEN jsonb_agg(
                jsonb_build_object('id', found.id, 'relation', found.item ->> 'relation')
                ORDER BY found.id)
            ELSE jsonb_agg(found.id ORDER BY found.id)
        END AS value,
        jsonb_agg(
            jsonb_build_object(
                'pointer',
                '/' || found.field
                || coalesce('/' || (found.item_no - 1)::text, '')
                || CASE
                    WHEN jsonb_typeof(found.item) <> 'object' THEN ''
                    WHEN found.item ? 'id' THEN '/id'
                    ELSE '/external_id'
                END,
                'rule', 'exists',
                'message', 'No ' || found.target || ' with this id is visible to you.'
            ) ORDER BY found.item_no
        ) FILTER (WHERE found.id IS NULL) AS missing
    FROM found
    GROUP BY found.line, found.field
),

line_resolved AS (
    SELECT
        resolved.line,
        jsonb_object_agg(resolved.field, resolved.value) AS fields,
        jsonb_agg(resolved.missing) FILTER (WHERE resolved.missing IS NOT NULL) AS missing
    FROM resolved
    GROUP BY resolved.line
)

SELECT
    given.line,
    given.body || coalesce(line_resolved.fields, '{}'),
    (
        SELECT jsonb_agg(error.value)
        FROM jsonb_array_elements(line_resolved.missing) AS part (value)
        CROSS JOIN LATERAL jsonb_array_elements(part.value) AS error (value)
    )
FROM given
LEFT JOIN line_resolved ON given.line = line_resolved.line
ORDER BY given.line
$$;
COMMENT ON FUNCTION app.resolve_references(text, jsonb[]) IS 'Turns references into ids; names those that are not there.';
GRANT EXECUTE ON FUNCTION app.resolve_references(text, jsonb[]) TO plant_app, plant_writer;

CREATE FUNCTION app.resolved_body(p_kind text, p_body jsonb) RETURNS jsonb
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
COMMENT ON FUNCTION app.resolved_body(text, jsonb) IS 'One body with its references as ids; raises PL005.';
GRANT EXECUTE ON FUNCTION app.resolved_body(text, jsonb) TO plant_app, plant_writer;

-- Locks in id order, so that two writers of the same set wait instead of deadlocking. No
-- key changes: whoever only refers to these rows need not wait.
-- An etag of NULL matches anything; several are separated by commas.
CREATE FUNCTION app.lock_for_change(p_kind text, p_ids uuid[], p_etags text[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_row record;
    v_found integer := 0;
BEGIN
    FOR v_row IN
        SELECT
            app.etag(base_entity.version, base_entity.version_hash) AS etag,
            wanted.etag AS wanted
        FROM unnest(p_ids, p_etags) AS wanted (id, etag)
        INNER JOIN app.base_entity
            ON
                base_entity.tenant_id = (SELECT app.tenant_id())
                AND base_entity.id = ANY(p_ids)
                AND base_entity.id = wanted.id
                AND base_entity.entity_type = p_kind
        ORDER BY base_entity.id
        FOR NO KEY UPDATE OF base_entity
    LOOP
        v_found := v_found + 1;
        IF v_row.etag <> ALL(string_to_array(v_row.wanted, ',')) THEN
            RAISE EXCEPTION 'The entity has changed since you read it.'
                USING ERRCODE = 'PL002',
                DETAIL = jsonb_build_object('current_etag', '"' || v_row.etag || '"')::text;
        END IF;
    END LOOP;
    IF v_found < cardinality(p_ids) THEN
        RAISE EXCEPTION 'No % with this id is visible to you.', replace(p_kind, '_', ' ')
            USING ERRCODE = 'PL001';
    END IF;
END
$$;
COMMENT ON FUNCTION app.lock_for_change(text, uuid[], text[])
IS 'Locks base rows for a change; raises PL001 when one is absent, PL002 when stale.';
GRANT EXECUTE ON FUNCTION app.lock_for_change(text, uuid[], text[]) TO plant_writer;

-- Parents form no cycle. Sees every governance agent's drafts, which may stand on the
-- way; one writer of parents per tenant at a time, so that two cannot close a cycle
-- together (the statements after the lock see what was committed before it). Nothing
-- refers to what is new unless this transaction made it so; then nobody has to wait.
CREATE FUNCTION app.check_parents(p_ids uuid[], p_are_new boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_are_new AND NOT EXISTS (
        SELECT
        FROM unnest(p_ids) AS new (id)
        CROSS JOIN LATERAL (
            SELECT
            FROM app.entity_parent
            WHERE
                entity_parent.tenant_id = app.tenant_id()
                AND entity_parent.parent_id = new.id
            LIMIT 1
        ) AS child
    ) THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('plant parents ' || app.tenant_id(), 0));
    -- The foreign key waits until commit: a parent that another transaction is still making
    -- could close a cycle that neither of the two sees.
    IF EXISTS (
        SELECT
        FROM app.entity_parent
        WHERE
            entity_parent.tenant_id = app.tenant_id()
            AND entity_parent.entity_id = ANY(p_ids)
            AND entity_parent.parent_id <> ALL(p_ids)
            AND (
                SELECT base_entity.id FROM app.base_entity
                WHERE
                    base_entity.tenant_id = app.tenant_id()
                    AND base_entity.id = entity_parent.parent_id
            ) IS NULL
    ) THEN
        RAISE EXCEPTION 'It refers to a parent that is not there.' USING ERRCODE = 'PL005';
    END IF;
    PERFORM
    FROM (
        WITH RECURSIVE ancestor AS (
            SELECT entity_parent.entity_id AS start_id, entity_parent.parent_id AS id
            FROM app.entity_parent
            WHERE
                entity_parent.tenant_id = app.tenant_id()
                AND entity_parent.entity_id = ANY(p_ids)
            UNION
            SELECT ancestor.start_id, parent.id
            FROM ancestor
            CROSS JOIN LATERAL (
                SELECT entity_parent.parent_id AS id
                FROM app.entity_parent
                WHERE
                    entity_parent.tenant_id = app.tenant_id()
                    AND entity_parent.entity_id = ancestor.id
                OFFSET 0
            ) AS parent
        )

        SELECT ancestor.start_id
        FROM ancestor
        WHERE ancestor.id = ancestor.start_id
        LIMIT 1
    ) AS cycle;
    IF FOUND THEN
        RAISE EXCEPTION 'Its parents would form a cycle.'
            USING ERRCODE = 'PL012', DETAIL = jsonb_build_object('errors', jsonb_build_array(
                jsonb_build_object('pointer', '/parent_ids', 'rule', 'acyclic',
                    'message', 'An entity cannot be among its own ancestors.')))::text;
    END IF;
END
$$;
COMMENT ON FUNCTION app.check_parents(uuid[], boolean) IS 'Raises PL012 when one of these is its own ancestor.';
GRANT EXECUTE ON FUNCTION app.check_parents(uuid[], boolean) TO plant_writer;

-- Taken before any row of a change that sets parents, so that writers of parents wait for
-- each other instead of deadlocking with a row in hand.
CREATE FUNCTION app.lock_parents(p_bodies jsonb[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM unnest(p_bodies) AS line (body) WHERE line.body ? 'parent_ids') THEN
        PERFORM pg_advisory_xact_lock(
            hashtextextended('plant parents ' || app.tenant_id(), 0));
    END IF;
END
$$;
COMMENT ON FUNCTION app.lock_parents(jsonb[]) IS 'Makes writers of parents of a tenant wait for each other.';
GRANT EXECUTE ON FUNCTION app.lock_parents(jsonb[]) TO plant_writer;

CREATE FUNCTION app.privacy_of(p_id uuid, p_if_new uuid) RETURNS uuid
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_private_to uuid;
BEGIN
    SELECT base_entity.private_to INTO v_private_to
    FROM app.base_entity
    WHERE base_entity.tenant_id = app.tenant_id() AND base_entity.id = p_id;
    RETURN CASE WHEN FOUND THEN v_private_to ELSE p_if_new END;
END
$$;
COMMENT ON FUNCTION app.privacy_of(uuid, uuid) IS 'Whose draft an entity is; the second argument where there is none yet.';
GRANT EXECUTE ON FUNCTION app.privacy_of(uuid, uuid) TO plant_writer;

-- Tags and parents, for the bodies that give them. Rows of an existing entity are as
-- private as it is, rows of a new one as private as p_private_to.
CREATE FUNCTION app.write_links(
    p_kind text, p_ids uuid[], p_bodies jsonb[], p_private_to uuid
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_with_tags uuid[];
    v_with_parents uuid[];
    v_exists boolean;
BEGIN
    SELECT
        array_agg(line.id) FILTER (WHERE line.body ? 'tags'),
        array_agg(line.id) FILTER (WHERE line.body ? 'parent_ids')
    INTO v_with_tags, v_with_parents
    FROM unnest(p_ids, p_bodies) AS line (id, body);
    IF coalesce(v_with_tags, v_with_parents) IS NULL THEN
        RETURN;
    END IF;
    SELECT EXISTS (
        SELECT FROM app.base_entity
        WHERE base_entity.tenant_id = app.tenant_id() AND base_entity.id = ANY(p_ids)
    ) INTO v_exists;
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
COMMENT ON FUNCTION app.write_links(text, uuid[], jsonb[], uuid) IS 'Writes tags and parents of entities.';
GRANT EXECUTE ON FUNCTION app.write_links(text, uuid[], jsonb[], uuid) TO plant_writer;

CREATE FUNCTION app.base_create(p_kind text, p_ids uuid[], p_bodies jsonb[], p_status text)
RETURNS SETOF app.written
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
INSERT INTO app.base_entity (
    tenant_id, id, entity_type, external_id, name, description, status,
    aliases, custom_attributes, governance_notes, governance_agent_id
)
SELECT
    app.tenant_id(),
    line.id,
    p_kind,
    line.body ->> 'external_id',
    line.body ->> 'name',
    line.body ->> 'description',
    p_status,
    CASE
        WHEN jsonb_typeof(line.body -> 'aliases') = 'array'
            THEN ARRAY(SELECT jsonb_array_elements_text(line.body -> 'aliases'))
        ELSE '{}'
    END,
    coalesce(line.body -> 'custom_attributes', '{}'),
    line.body ->> 'governance_notes',
    app.governance_agent_id()
FROM unnest(p_ids, p_bodies) AS line (id, body)
RETURNING
    base_entity.id, base_entity.version, base_entity.document,
    app.etag(base_entity.version, base_entity.version_hash),
    base_entity.last_entry_id, base_entity.version_hash
$$;
COMMENT ON FUNCTION app.base_create(text, uuid[], jsonb[], text) IS 'Inserts base rows; the triggers check, render and log.';
GRANT EXECUTE ON FUNCTION app.base_create(text, uuid[], jsonb[], text) TO plant_writer;

CREATE FUNCTION app.base_amend(
    p_ids uuid[], p_bodies jsonb[], p_merge boolean, p_status text
) RETURNS SETOF app.written
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
UPDATE app.base_entity SET
    external_id = CASE
        WHEN line.body ? 'external_id' THEN line.body ->> 'external_id'
        ELSE base_entity.external_id
    END,
    name = coalesce(line.body ->> 'name', base_entity.name),
    description = CASE
        WHEN line.body ? 'description' THEN line.body ->> 'description'
        ELSE base_entity.description
    END,
    status = coalesce(p_status, base_entity.status),
    aliases = CASE
        WHEN jsonb_typeof(line.body -> 'aliases') = 'array'
            THEN ARRAY(SELECT jsonb_array_elements_text(line.body -> 'aliases'))
        ELSE base_entity.aliases
    END,
    custom_attributes = CASE
        WHEN NOT line.body ? 'custom_attributes' THEN base_entity.custom_attributes
        WHEN p_merge THEN app.merge_patch(
            base_entity.custom_attributes, line.body -> 'custom_attributes')
        ELSE line.body -> 'custom_attributes'
    END,
    governance_notes = CASE
        WHEN line.body ? 'governance_notes' THEN line.body ->> 'governance_notes'
        ELSE base_entity.governance_notes
    END
FROM unnest(p_ids, p_bodies) AS line (id, body)
WHERE
    base_entity.tenant_id = (SELECT app.tenant_id())
    AND base_entity.id = ANY(p_ids)
    AND base_entity.id = line.id
RETURNING
    base_entity.id, base_entity.version, base_entity.document,
    app.etag(base_entity.version, base_entity.version_hash),
    base_entity.last_entry_id, base_entity.version_hash
$$;
COMMENT ON FUNCTION app.base_amend(uuid[], jsonb[], boolean, text)
IS 'Updates base rows by the fields that are given; NULL keeps the status.';
GRANT EXECUTE ON FUNCTION app.base_amend(uuid[], jsonb[], boolean, text)
TO plant_writer;

-- skill
CREATE FUNCTION app.skill_create(p_ids uuid[], p_bodies jsonb[], p_status text)
RETURNS SETOF app.written
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_private_to uuid := CASE WHEN p_status = 'draft' THEN app.governance_agent_id() END;
BEGIN
    INSERT INTO app.skill_entity (tenant_id, id, category, embedding_384, private_to)
    SELECT
        app.tenant_id(),
        line.id,
        line.body ->> 'category',
        (line.body ->> 'embedding_384')::public.vector(384),
        v_private_to
    FROM unnest(p_ids, p_bodies) AS line (id, body);
    PERFORM app.write_links('skill', p_ids, p_bodies, v_private_to);
    RETURN QUERY SELECT * FROM app.base_create('skill', p_ids, p_bodies, p_status);
END
$$;
COMMENT ON FUNCTION app.skill_create(uuid[], jsonb[], text) IS 'Creates skills: kind and link rows first, base rows last.';

CREATE FUNCTION app.skill_amend(
    p_ids uuid[], p_etags text[], p_bodies jsonb[], p_merge boolean, p_status text
) RETURNS SETOF app.written
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM app.lock_parents(p_bodies);
    PERFORM app.lock_for_change('skill', p_ids, p_etags);
    UPDATE app.skill_entity SET
        category = CASE
            WHEN line.body ? 'category' THEN line.body ->> 'category'
            ELSE skill_entity.category
        END,
        embedding_384 = CASE
            WHEN line.body ? 'embedding_384' THEN (line.body ->> 'embedding_384')::public.vector(384)
            ELSE skill_entity.embedding_384
        END
    FROM unnest(p_ids, p_bodies) AS line (id, body)
    WHERE
        skill_entity.tenant_id = app.tenant_id()
        AND skill_entity.id = ANY(p_ids)
        AND skill_entity.id = line.id
        AND line.body ?| '{category,embedding_384}';
    PERFORM app.write_links('skill', p_ids, p_bodies, NULL);
    RETURN QUERY SELECT * FROM app.base_amend(p_ids, p_bodies, p_merge, p_status);
END
$$;
COMMENT ON FUNCTION app.skill_amend(uuid[], text[], jsonb[], boolean, text) IS 'Changes the fields that are given of skills.';

-- industry
CREATE FUNCTION app.industry_create(p_ids uuid[], p_bodies jsonb[], p_status text)
RETURNS SETOF app.written
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_private_to uuid := CASE WHEN p_status = 'draft' THEN app.governance_agent_id() END;
BEGIN
    INSERT INTO app.industry_entity (tenant_id, id, scheme, code, level, embedding_384, private_to)
    SELECT
        app.tenant_id(),
        line.id,
        line.body ->> 'scheme',
        line.body ->> 'code',
        (line.body ->> 'level')::smallint,
        (line.body ->> 'embedding_384')::public.vector(384),
        v_private_to
    FROM unnest(p_ids, p_bodies) AS line (id, body);
    PERFORM app.write_links('industry', p_ids, p_bodies, v_private_to);
    RETURN QUERY SELECT * FROM app.base_create('industry', p_ids, p_bodies, p_status);
END
$$;
COMMENT ON FUNCTION app.industry_create(uuid[], jsonb[], text) IS 'Creates industries: kind and link rows first, base rows last.';

CREATE FUNCTION app.industry_amend(
    p_ids uuid[], p_etags text[], p_bodies jsonb[], p_merge boolean, p_status text
) RETURNS SETOF app.written
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM app.lock_parents(p_bodies);
    PERFORM app.lock_for_change('industry', p_ids, p_etags);
    UPDATE app.industry_entity SET
        scheme = CASE
            WHEN line.body ? 'scheme' THEN line.body ->> 'scheme'
            ELSE industry_entity.scheme
        END,
        code = CASE
            WHEN line.body ? 'code' THEN line.body ->> 'code'
            ELSE industry_entity.code
        END,
        level = CASE
            WHEN line.body ? 'level' THEN (line.body ->> 'level')::smallint
            ELSE industry_entity.level
        END,
        embedding_384 = CASE
            WHEN line.body ? 'embedding_384' THEN (line.body ->> 'embedding_384')::public.vector(384)
            ELSE industry_entity.embedding_384
        END
    FROM unnest(p_ids, p_bodies) AS line (id, body)
    WHERE
        industry_entity.tenant_id = app.tenant_id()
        AND industry_entity.id = ANY(p_ids)
        AND industry_entity.id = line.id
        AND line.body ?| '{scheme,code,level,embedding_384}';
    PERFORM app.write_links('industry', p_ids, p_bodies, NULL);
    RETURN QUERY SELECT * FROM app.base_amend(p_ids, p_bodies, p_merge, p_status);
END
$$;
COMMENT ON FUNCTION app.industry_amend(uuid[], text[], jsonb[], boolean, text) IS 'Changes the fields that are given of industries.';

-- job role
CREATE FUNCTION app.job_role_create(p_ids uuid[], p_bodies jsonb[], p_status text)
RETURNS SETOF app.written
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_private_to uuid := CASE WHEN p_status = 'draft' THEN app.governance_agent_id() END;
BEGIN
    INSERT INTO app.job_role_entity (tenant_id, id, seniority_level, industry_id, private_to)
    SELECT
        app.tenant_id(),
        line.id,
        line.body ->> 'seniority_level',
        (line.body ->> 'industry_id')::uuid,
        v_private_to
    FROM unnest(p_ids, p_bodies) AS line (id, body);
    INSERT INTO app.job_role_skill (tenant_id, job_role_id, skill_id, relation, private_to)
    SELECT
        app.tenant_id(), line.id, (item.value ->> 'id')::uuid, item.value ->> 'relation', v_private_to
    FROM unnest(p_ids, p_bodies) AS line (id, body)
    CROSS JOIN LATERAL jsonb_array_elements(line.body -> 'required_skills') AS item (value);
    PERFORM app.write_links('job_role', p_ids, p_bodies, v_private_to);
    RETURN QUERY SELECT * FROM app.base_create('job_role', p_ids, p_bodies, p_status);
END
$$;
COMMENT ON FUNCTION app.job_role_create(uuid[], jsonb[], text) IS 'Creates job roles: kind and link rows first, base rows last.';

CREATE FUNCTION app.job_role_amend(
    p_ids uuid[], p_etags text[], p_bodies jsonb[], p_merge boolean, p_status text
) RETURNS SETOF app.written
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM app.lock_parents(p_bodies);
    PERFORM app.lock_for_change('job_role', p_ids, p_etags);
    UPDATE app.job_role_entity SET
        seniority_level = CASE
            WHEN line.body ? 'seniority_level' THEN line.body ->> 'seniority_level'
            ELSE job_role_entity.seniority_level
        END,
        industry_id = CASE
            WHEN line.body ? 'industry_id' THEN (line.body ->> 'industry_id')::uuid
            ELSE job_role_entity.industry_id
        END
    FROM unnest(p_ids, p_bodies) AS line (id, body)
    WHERE
        job_role_entity.tenant_id = app.tenant_id()
        AND job_role_entity.id = ANY(p_ids)
        AND job_role_entity.id = line.id
        AND line.body ?| '{seniority_level,industry_id}';
    DELETE FROM app.job_role_skill
    USING unnest(p_ids, p_bodies) AS line (id, body)
    WHERE
        job_role_skill.tenant_id = app.tenant_id()
        AND job_role_skill.job_role_id = ANY(p_ids)
        AND job_role_skill.job_role_id = line.id
        AND line.body ? 'required_skills';
    INSERT INTO app.job_role_skill (tenant_id, job_role_id, skill_id, relation, private_to)
    SELECT
        app.tenant_id(), line.id, (item.value ->> 'id')::uuid, item.value ->> 'relation',
        app.privacy_of(line.id, NULL)
    FROM unnest(p_ids, p_bodies) AS line (id, body)
    CROSS JOIN LATERAL jsonb_array_elements(line.body -> 'required_skills') AS item (value);
    PERFORM app.write_links('job_role', p_ids, p_bodies, NULL);
    RETURN QUERY SELECT * FROM app.base_amend(p_ids, p_bodies, p_merge, p_status);
END
$$;
COMMENT ON FUNCTION app.job_role_amend(uuid[], text[], jsonb[], boolean, text) IS 'Changes the fields that are given of job roles.';

-- team
CREATE FUNCTION app.team_create(p_ids uuid[], p_bodies jsonb[], p_status text)
RETURNS SETOF app.written
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_private_to uuid := CASE WHEN p_status = 'draft' THEN app.governance_agent_id() END;
BEGIN
    INSERT INTO app.team_entity (tenant_id, id, job_role_id, industry_id, private_to)
    SELECT
        app.tenant_id(),
        line.id,
        (line.body ->> 'job_role_id')::uuid,
        (line.body ->> 'industry_id')::uuid,
        v_private_to
    FROM unnest(p_ids, p_bodies) AS line (id, body);
    PERFORM app.write_links('team', p_ids, p_bodies, v_private_to);
    RETURN QUERY SELECT * FROM app.base_create('team', p_ids, p_bodies, p_status);
END
$$;
COMMENT ON FUNCTION app.team_create(uuid[], jsonb[], text) IS 'Creates teams: kind and link rows first, base rows last.';

CREATE FUNCTION app.team_amend(
    p_ids uuid[], p_etags text[], p_bodies jsonb[], p_merge boolean, p_status text
) RETURNS SETOF app.written
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM app.lock_parents(p_bodies);
    PERFORM app.lock_for_change('team', p_ids, p_etags);
    UPDATE app.team_entity SET
        job_role_id = CASE
            WHEN line.body ? 'job_role_id' THEN (line.body ->> 'job_role_id')::uuid
            ELSE team_entity.job_role_id
        END,
        industry_id = CASE
            WHEN line.body ? 'industry_id' THEN (line.body ->> 'industry_id')::uuid
            ELSE team_entity.industry_id
        END
    FROM unnest(p_ids, p_bodies) AS line (id, body)
    WHERE
        team_entity.tenant_id = app.tenant_id()
        AND team_entity.id = ANY(p_ids)
        AND team_entity.id = line.id
        AND line.body ?| '{job_role_id,industry_id}';
    PERFORM app.write_links('team', p_ids, p_bodies, NULL);
    RETURN QUERY SELECT * FROM app.base_amend(p_ids, p_bodies, p_merge, p_status);
END
$$;
COMMENT ON FUNCTION app.team_amend(uuid[], text[], jsonb[], boolean, text) IS 'Changes the fields that are given of teams.';

-- agent
CREATE FUNCTION app.agent_create(p_ids uuid[], p_bodies jsonb[], p_status text)
RETURNS SETOF app.written
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_private_to uuid := CASE WHEN p_status = 'draft' THEN app.governance_agent_id() END;
BEGIN
    INSERT INTO app.agent_entity (tenant_id, id, job_role_id, industry_id, team_id, private_to)
    SELECT
        app.tenant_id(),
        line.id,
        (line.body ->> 'job_role_id')::uuid,
        (line.body ->> 'industry_id')::uuid,
        (line.body ->> 'team_id')::uuid,
        v_private_to
    FROM unnest(p_ids, p_bodies) AS line (id, body);
    INSERT INTO app.agent_skill (tenant_id, agent_id, skill_id, private_to)
    SELECT
        app.tenant_id(), line.id, (item.value #>> '{}')::uuid, v_private_to
    FROM unnest(p_ids, p_bodies) AS line (id, body)
    CROSS JOIN LATERAL jsonb_array_elements(line.body -> 'skill_ids') AS item (value);
    PERFORM app.write_links('agent', p_ids, p_bodies, v_private_to);
    RETURN QUERY SELECT * FROM app.base_create('agent', p_ids, p_bodies, p_status);
END
$$;
COMMENT ON FUNCTION app.agent_create(uuid[], jsonb[], text) IS 'Creates agents: kind and link rows first, base rows last.';

CREATE FUNCTION app.agent_amend(
    p_ids uuid[], p_etags text[], p_bodies jsonb[], p_merge boolean, p_status text
) RETURNS SETOF app.written
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM app.lock_parents(p_bodies);
    -- A team may change in force, without a certification that would look at its state. It
    -- is locked before the agent, as the certification of a team does.
    PERFORM
    FROM app.base_entity
    WHERE
        base_entity.tenant_id = app.tenant_id()
        AND base_entity.id = ANY(ARRAY(
            SELECT (line.body ->> 'team_id')::uuid FROM unnest(p_bodies) AS line (body)
        ))
    ORDER BY base_entity.id
    FOR SHARE;
    IF EXISTS (
        SELECT
        FROM app.base_entity
        WHERE
            base_entity.tenant_id = app.tenant_id()
            AND base_entity.id = ANY(ARRAY(
                SELECT (line.body ->> 'team_id')::uuid FROM unnest(p_bodies) AS line (body)
            ))
            AND base_entity.status = 'archived'
    ) THEN
        RAISE EXCEPTION 'The team is archived.'
            USING ERRCODE = 'PL005', DETAIL = jsonb_build_object('errors', jsonb_build_array(
                jsonb_build_object('pointer', '/team_id', 'rule', 'exists',
                    'message', 'Name a team that is not archived.')))::text;
    END IF;
    PERFORM app.lock_for_change('agent', p_ids, p_etags);
    UPDATE app.agent_entity SET
        job_role_id = CASE
            WHEN line.body ? 'job_role_id' THEN (line.body ->> 'job_role_id')::uuid
            ELSE agent_entity.job_role_id
        END,
        industry_id = CASE
            WHEN line.body ? 'industry_id' THEN (line.body ->> 'industry_id')::uuid
            ELSE agent_entity.industry_id
        END,
        team_id = CASE
            WHEN line.body ? 'team_id' THEN (line.body ->> 'team_id')::uuid
            ELSE agent_entity.team_id
        END
    FROM unnest(p_ids, p_bodies) AS line (id, body)
    WHERE
        agent_entity.tenant_id = app.tenant_id()
        AND agent_entity.id = ANY(p_ids)
        AND agent_entity.id = line.id
        AND line.body ?| '{job_role_id,industry_id,team_id}';
    DELETE FROM app.agent_skill
    USING unnest(p_ids, p_bodies) AS line (id, body)
    WHERE
        agent_skill.tenant_id = app.tenant_id()
        AND agent_skill.agent_id = ANY(p_ids)
        AND agent_skill.agent_id = line.id
        AND line.body ? 'skill_ids';
    INSERT INTO app.agent_skill (tenant_id, agent_id, skill_id, private_to)
    SELECT
        app.tenant_id(), line.id, (item.value #>> '{}')::uuid, app.privacy_of(line.id, NULL)
    FROM unnest(p_ids, p_bodies) AS line (id, body)
    CROSS JOIN LATERAL jsonb_array_elements(line.body -> 'skill_ids') AS item (value);
    PERFORM app.write_links('agent', p_ids, p_bodies, NULL);
    RETURN QUERY SELECT * FROM app.base_amend(p_ids, p_bodies, p_merge, p_status);
END
$$;
COMMENT ON FUNCTION app.agent_amend(uuid[], text[], jsonb[], boolean, text) IS 'Changes the fields that are given of agents.';

-- One life-cycle step. Owned by plant_rules: a certifier who rejects gives a draft back
-- to its author and may not see it any more, which row security would refuse to
-- plant_writer. What the caller cannot see is not found here either.
CREATE FUNCTION app.entity_step(
    p_kind text, p_id uuid, p_etag text, p_to text, p_reason text, p_successor_id uuid
) RETURNS app.written
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_etag text;
    v_status text;
    v_written app.written;
BEGIN
    -- A team before its members, as where the team itself enters force: else the two of
    -- them would wait for each other.
    IF p_kind = 'agent' AND p_to IN ('certified', 'active') THEN
        PERFORM
        FROM app.base_entity
        WHERE
            base_entity.tenant_id = app.tenant_id()
            AND base_entity.id = (
                SELECT agent_entity.team_id FROM app.agent_entity
                WHERE agent_entity.tenant_id = app.tenant_id() AND agent_entity.id = p_id
            )
        FOR SHARE;
    END IF;
    SELECT app.etag(base_entity.version, base_entity.version_hash), base_entity.status
    INTO v_etag, v_status
    FROM app.base_entity
    WHERE
        base_entity.tenant_id = app.tenant_id()
        AND base_entity.id = p_id
        AND base_entity.entity_type = p_kind
        AND (
            base_entity.private_to IS NULL
            OR base_entity.private_to = app.governance_agent_id()
        )
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'No % with this id is visible to you.', replace(p_kind, '_', ' ')
            USING ERRCODE = 'PL001';
    END IF;
    IF v_etag <> ALL(string_to_array(p_etag, ',')) THEN
        RAISE EXCEPTION 'The entity has changed since you read it.'
            USING ERRCODE = 'PL002',
            DETAIL = jsonb_build_object('current_etag', '"' || v_etag || '"')::text;
    END IF;
    -- Without a change of state the trigger would take it for a change of content.
    IF v_status = p_to THEN
        RAISE EXCEPTION 'It is % already.', p_to
            USING ERRCODE = 'PL003', DETAIL = jsonb_build_object('allowed', (
                SELECT coalesce(jsonb_agg(DISTINCT life_cycle_step.to_status), '[]')
                FROM app.life_cycle_step
                WHERE life_cycle_step.from_status = v_status
            ))::text;
    END IF;
    PERFORM
        set_config('app.step_reason', p_reason, TRUE),
        set_config('app.step_successor_id', coalesce(p_successor_id::text, ''), TRUE);
    UPDATE app.base_entity SET status = p_to
    WHERE base_entity.tenant_id = app.tenant_id() AND base_entity.id = p_id
    RETURNING
        base_entity.id, base_entity.version, base_entity.document,
        app.etag(base_entity.version, base_entity.version_hash),
        base_entity.last_entry_id, base_entity.version_hash
    INTO v_written;
    PERFORM
        set_config('app.step_reason', '', TRUE),
        set_config('app.step_successor_id', '', TRUE);
    RETURN v_written;
END
$$;
COMMENT ON FUNCTION app.entity_step(text, uuid, text, text, text, uuid) IS 'Takes one life-cycle step of one entity.';

-- A key is found before its tenant is known; only plant_auth may look that way.
CREATE FUNCTION app.authenticate(p_key_hash bytea)
RETURNS TABLE (
    tenant_id uuid, tenant_name text, governance_agent_id uuid, governance_agent_name text,
    key_id uuid, scopes text[], expires_at timestamptz, last_used_at timestamptz
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT
            api_key.tenant_id, tenant.name, api_key.governance_agent_id,
            governance_agent.name, api_key.id, api_key.scopes, api_key.expires_at,
            api_key.last_used_at
        FROM app.api_key
        INNER JOIN app.tenant ON api_key.tenant_id = tenant.tenant_id
        INNER JOIN app.governance_agent
            ON
                api_key.tenant_id = governance_agent.tenant_id
                AND api_key.governance_agent_id = governance_agent.id
        WHERE
            api_key.key_hash = p_key_hash
            AND api_key.revoked_at IS NULL
            AND (api_key.expires_at IS NULL OR api_key.expires_at > clock_timestamp());
    -- To the minute, so that a busy key is no hot row.
    UPDATE app.api_key SET last_used_at = clock_timestamp()
    WHERE
        api_key.key_hash = p_key_hash
        AND api_key.revoked_at IS NULL
        AND (
            api_key.last_used_at IS NULL
            OR api_key.last_used_at < clock_timestamp() - interval '1 minute'
        );
END
$$;
COMMENT ON FUNCTION app.authenticate(bytea) IS 'The identity behind sha256 of a key; no row for an unknown, revoked or expired one.';

GRANT EXECUTE ON FUNCTION
app.skill_create(uuid[], jsonb[], text),
app.industry_create(uuid[], jsonb[], text),
app.job_role_create(uuid[], jsonb[], text),
app.team_create(uuid[], jsonb[], text),
app.agent_create(uuid[], jsonb[], text),
app.skill_amend(uuid[], text[], jsonb[], boolean, text),
app.industry_amend(uuid[], text[], jsonb[], boolean, text),
app.job_role_amend(uuid[], text[], jsonb[], boolean, text),
app.team_amend(uuid[], text[], jsonb[], boolean, text),
app.agent_amend(uuid[], text[], jsonb[], boolean, text)
TO plant_app, plant_writer;
GRANT EXECUTE ON FUNCTION
app.entity_step(text, uuid, text, text, text, uuid), app.authenticate(bytea)
TO plant_app;

GRANT CREATE ON SCHEMA app TO plant_writer, plant_rules, plant_auth;
ALTER FUNCTION app.skill_create(uuid[], jsonb[], text) OWNER TO plant_writer;
ALTER FUNCTION app.industry_create(uuid[], jsonb[], text) OWNER TO plant_writer;
ALTER FUNCTION app.job_role_create(uuid[], jsonb[], text) OWNER TO plant_writer;
ALTER FUNCTION app.team_create(uuid[], jsonb[], text) OWNER TO plant_writer;
ALTER FUNCTION app.agent_create(uuid[], jsonb[], text) OWNER TO plant_writer;
ALTER FUNCTION app.skill_amend(uuid[], text[], jsonb[], boolean, text) OWNER TO plant_writer;
ALTER FUNCTION app.industry_amend(uuid[], text[], jsonb[], boolean, text) OWNER TO plant_writer;
ALTER FUNCTION app.job_role_amend(uuid[], text[], jsonb[], boolean, text) OWNER TO plant_writer;
ALTER FUNCTION app.team_amend(uuid[], text[], jsonb[], boolean, text) OWNER TO plant_writer;
ALTER FUNCTION app.agent_amend(uuid[], text[], jsonb[], boolean, text) OWNER TO plant_writer;
ALTER FUNCTION app.check_parents(uuid[], boolean) OWNER TO plant_rules;
ALTER FUNCTION app.entity_step(text, uuid, text, text, text, uuid) OWNER TO plant_rules;
ALTER FUNCTION app.authenticate(bytea) OWNER TO plant_auth;
REVOKE CREATE ON SCHEMA app FROM plant_writer, plant_rules, plant_auth;
