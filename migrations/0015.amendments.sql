-- Amendments: how the content of an entity in force changes, and only by a certification.
-- depends: 0013.mends
--
-- An amendment is logged as an entity of its own (entity_type 'amendment'). Its document is
-- the entity's with the patch merged in, so that what is reviewed is what will be in force.
-- Certifying it writes the entity's next version in the same transaction; the guard of
-- app.base_entity lets content in force change to nothing else.
--
-- Locks are taken in one order: the turn of parents, an agent's team, the entity, the
-- amendment, then (by the entity's guard) what the entity refers to. Steps of entities and
-- their write functions never lock an amendment.

CREATE TABLE app.amendment (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT uuidv7(),
    entity_id uuid NOT NULL,
    entity_type text NOT NULL,
    base_version integer NOT NULL,
    patch jsonb NOT NULL,
    status text NOT NULL DEFAULT 'draft',
    version integer NOT NULL DEFAULT 1,
    version_hash bytea NOT NULL,
    last_entry_id uuid NOT NULL,
    governance_agent_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    private_to uuid GENERATED ALWAYS AS (
        CASE WHEN status IN ('draft', 'withdrawn') THEN governance_agent_id END
    ) STORED,
    document text NOT NULL,
    CONSTRAINT amendment_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT amendment_status_known CHECK (
        status IN ('draft', 'under_review', 'certified', 'rejected', 'withdrawn')
    ),
    CONSTRAINT amendment_patch_shape CHECK (jsonb_typeof(patch) = 'object'),
    CONSTRAINT amendment_base_version_range CHECK (base_version >= 1),
    CONSTRAINT amendment_version_range CHECK (version >= 1),
    CONSTRAINT amendment_version_hash_shape CHECK (octet_length(version_hash) = 32),
    CONSTRAINT amendment_times_order CHECK (updated_at >= created_at),
    CONSTRAINT amendment_entity_fkey FOREIGN KEY (tenant_id, entity_type, entity_id)
        REFERENCES app.base_entity (tenant_id, entity_type, id),
    CONSTRAINT amendment_governance_agent_fkey FOREIGN KEY (tenant_id, governance_agent_id)
        REFERENCES app.governance_agent (tenant_id, id)
);
COMMENT ON TABLE app.amendment IS 'Proposed changes of entities in force; at most one of an entity is open.';
COMMENT ON COLUMN app.amendment.base_version IS 'Version of the entity that the document is based on.';
COMMENT ON COLUMN app.amendment.patch IS 'The fields that are given, references as ids, as app.<kind>_amend takes bodies.';
COMMENT ON COLUMN app.amendment.status IS 'See app.amendment_step.';
COMMENT ON COLUMN app.amendment.version_hash IS 'Hash of the log entry of this version.';
COMMENT ON COLUMN app.amendment.last_entry_id IS 'Id of the log entry of this version.';
COMMENT ON COLUMN app.amendment.governance_agent_id IS 'Its author.';
COMMENT ON COLUMN app.amendment.private_to IS 'While draft, and once withdrawn, the only governance agent that sees the row.';
COMMENT ON COLUMN app.amendment.document IS 'The exact bytes that are served, hashed and logged.';

CREATE UNIQUE INDEX amendment_open_key ON app.amendment (tenant_id, entity_id)
WHERE status IN ('draft', 'under_review');
-- A version has one successor, so one certification at most; this is how the guard finds it.
CREATE UNIQUE INDEX amendment_certified_key ON app.amendment (tenant_id, entity_id, base_version)
WHERE status = 'certified';
CREATE INDEX amendment_governance_agent_idx
ON app.amendment (tenant_id, governance_agent_id, id DESC);

-- A table of its own: two of these pairs are in app.life_cycle_step too, with other
-- operations and authors, and whatever asks that table would have to tell them apart.
CREATE TABLE app.amendment_step (
    from_status text NOT NULL,
    to_status text NOT NULL,
    operation text NOT NULL,
    scope text NOT NULL,
    -- TRUE: only the amendment's author, NULL: whoever did not write it (app.amendment_guard)
    by_author boolean,
    CONSTRAINT amendment_step_pkey PRIMARY KEY (from_status, to_status),
    CONSTRAINT amendment_step_scope_known CHECK (scope IN ('write', 'certify'))
);
COMMENT ON TABLE app.amendment_step IS 'The allowed steps of amendments; what is not here is refused by trigger.';
INSERT INTO app.amendment_step (from_status, to_status, operation, scope, by_author)
VALUES
('draft', 'under_review', 'submit', 'write', TRUE),
('draft', 'withdrawn', 'withdraw', 'write', TRUE),
('under_review', 'draft', 'take_back', 'write', TRUE),
('under_review', 'withdrawn', 'withdraw', 'write', TRUE),
('under_review', 'certified', 'certify', 'certify', NULL),
('under_review', 'rejected', 'reject', 'certify', NULL);
GRANT SELECT ON app.amendment_step TO plant_app, plant_readonly, plant_rules, plant_audit;

ALTER TABLE app.amendment ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.amendment FORCE ROW LEVEL SECURITY;
CREATE POLICY amendment_read ON app.amendment FOR SELECT
TO plant_app, plant_readonly, plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY amendment_add ON app.amendment FOR INSERT TO plant_writer
WITH CHECK (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY amendment_edit ON app.amendment FOR UPDATE TO plant_writer
USING (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
)
WITH CHECK (
    tenant_id = (SELECT app.tenant_id())
    AND (private_to IS NULL OR private_to = (SELECT app.governance_agent_id()))
);
CREATE POLICY amendment_rules_read ON app.amendment FOR SELECT TO plant_rules
USING (tenant_id = (SELECT app.tenant_id()));
CREATE POLICY amendment_audit_read ON app.amendment FOR SELECT TO plant_audit
USING (tenant_id = (SELECT app.tenant_id()));
GRANT SELECT ON app.amendment TO plant_app, plant_readonly, plant_writer, plant_rules;
GRANT INSERT, UPDATE ON app.amendment TO plant_writer;
-- Enough to tell a certification from another change of the same entity.
GRANT SELECT (tenant_id, entity_id, status, base_version) ON app.amendment TO plant_audit;

CREATE TRIGGER amendment_append_only BEFORE DELETE OR TRUNCATE ON app.amendment
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
ALTER TABLE app.amendment ENABLE ALWAYS TRIGGER amendment_append_only;
CREATE TRIGGER amendment_step_no_truncate BEFORE TRUNCATE ON app.amendment_step
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
ALTER TABLE app.amendment_step ENABLE ALWAYS TRIGGER amendment_step_no_truncate;

-- Statistics for a table that has none yet (0011.statistics), counted anew as it grows.
DO $do$
DECLARE
    v_column record;
BEGIN
    FOR v_column IN
        SELECT expected.column_name, expected.n_distinct
        FROM (VALUES
            ('tenant_id', 1),
            ('id', -1),
            ('entity_id', -0.8),
            ('entity_type', 5),
            ('base_version', 10),
            ('status', 5),
            ('governance_agent_id', 10)
        ) AS expected (column_name, n_distinct)
    LOOP
        PERFORM pg_catalog.pg_restore_attribute_stats(
            'schemaname', 'app',
            'relname', 'amendment',
            'attname', v_column.column_name,
            'inherited', FALSE,
            'null_frac', 0::real,
            'avg_width', 16,
            'n_distinct', v_column.n_distinct::real);
    END LOOP;
    GRANT MAINTAIN ON app.amendment TO plant_writer;
END
$do$;

-- What a certification certifies: a document without what changes by itself, and without
-- what only an amendment's document has. As text: to jsonb 1 equals 1.0.
CREATE FUNCTION app.document_content(p_document text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
RETURN (
    p_document::jsonb
    - '{status,version,created_at,updated_at,governance_agent_id,amendment_id,base_version}'::text[]
)::text;
COMMENT ON FUNCTION app.document_content(text) IS 'The content of a document of an entity or an amendment, comparable as text.';
GRANT EXECUTE ON FUNCTION app.document_content(text) TO plant_rules;

-- The merge patch that makes one object of another. Merge patches cannot be joined without
-- the object they are for: {"a": 5} and then {"a": {"y": 1}} leave no other member in a.
CREATE FUNCTION app.merge_difference(p_from jsonb, p_to jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_patch jsonb;
    v_member record;
BEGIN
    SELECT coalesce(jsonb_object_agg(gone.key, NULL::text), '{}') INTO v_patch
    FROM jsonb_object_keys(p_from) AS gone (key)
    WHERE NOT p_to ? gone.key;
    FOR v_member IN
        SELECT member.key, member.value FROM jsonb_each(p_to) AS member
        WHERE (p_from -> member.key)::text IS DISTINCT FROM member.value::text
    LOOP
        v_patch := v_patch || jsonb_build_object(
            v_member.key,
            CASE
                WHEN jsonb_typeof(p_from -> v_member.key) = 'object'
                    AND jsonb_typeof(v_member.value) = 'object'
                    THEN app.merge_difference(p_from -> v_member.key, v_member.value)
                ELSE v_member.value
            END);
    END LOOP;
    RETURN v_patch;
END
$$;
COMMENT ON FUNCTION app.merge_difference(jsonb, jsonb) IS 'The merge patch (RFC 7396) that makes the second object of the first.';

-- Fields replace each other, null too; only custom_attributes are merged, and what is kept
-- of them is their difference from the document that the patch is for.
CREATE FUNCTION app.amendment_patch(p_document text, p_stored jsonb, p_given jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_attributes jsonb := p_document::jsonb -> 'custom_attributes';
    v_amended jsonb := v_attributes;
    v_patch jsonb := p_stored || p_given;
BEGIN
    IF p_stored ? 'custom_attributes' THEN
        v_amended := app.merge_patch(v_amended, p_stored -> 'custom_attributes');
    END IF;
    IF p_given ? 'custom_attributes' THEN
        v_amended := app.merge_patch(v_amended, p_given -> 'custom_attributes');
    END IF;
    IF v_patch ? 'custom_attributes' AND jsonb_typeof(v_amended) = 'object' THEN
        RETURN v_patch || jsonb_build_object(
            'custom_attributes', app.merge_difference(v_attributes, v_amended));
    END IF;
    RETURN v_patch;
END
$$;
COMMENT ON FUNCTION app.amendment_patch(text, jsonb, jsonb) IS 'The patch of an amendment after another one was given, for a document.';
GRANT EXECUTE ON FUNCTION
app.merge_difference(jsonb, jsonb), app.amendment_patch(text, jsonb, jsonb)
TO plant_writer;

-- The fields of a document in their order, those of a patch written as app.entity_document
-- would write them, then what is the amendment's own. Of a status step the source is the
-- amendment's former document and the patch is empty: what was written stays as it was.
CREATE FUNCTION app.amendment_document(p_amendment app.amendment, p_source text, p_patch jsonb)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
WITH own AS (
    SELECT jsonb_build_object(
        'status', p_amendment.status,
        'version', p_amendment.version,
        'created_at', app.json_time(p_amendment.created_at),
        'updated_at', app.json_time(p_amendment.updated_at),
        'governance_agent_id', p_amendment.governance_agent_id,
        'amendment_id', p_amendment.id,
        'base_version', p_amendment.base_version
    ) AS members
),

field AS (
    SELECT member.key, member.value::text AS value, member.place
    FROM json_each(p_source::json) WITH ORDINALITY AS member (key, value, place)
    WHERE member.key NOT IN ('amendment_id', 'base_version')
    UNION ALL
    VALUES ('amendment_id', NULL, 1001), ('base_version', NULL, 1002)
)

SELECT '{' || string_agg(
    to_json(field.key)::text || ':' || CASE
        WHEN own.members ? field.key THEN (own.members -> field.key)::text
        WHEN field.key = 'embedding_sha256' AND p_patch ? 'embedding_384' THEN coalesce(
            to_json(encode(sha256(public.vector_send(
                (p_patch ->> 'embedding_384')::public.vector(384))), 'hex'))::text,
            'null')
        WHEN NOT p_patch ? field.key OR field.key IN ('id', 'entity_type', 'embedding_sha256')
            THEN field.value
        WHEN field.key = 'custom_attributes'
            THEN app.merge_patch(field.value::jsonb, p_patch -> field.key)::text
        WHEN field.key = 'aliases'
            THEN to_json(ARRAY(SELECT jsonb_array_elements_text(p_patch -> field.key)))::text
        WHEN field.key = 'tags' THEN to_json(ARRAY(
            SELECT tag.value
            FROM jsonb_array_elements_text(p_patch -> field.key) AS tag (value)
            ORDER BY tag.value COLLATE "C"
        ))::text
        WHEN field.key IN ('parent_ids', 'skill_ids') THEN to_json(ARRAY(
            SELECT item.value::uuid
            FROM jsonb_array_elements_text(p_patch -> field.key) AS item (value)
            ORDER BY item.value::uuid
        ))::text
        WHEN field.key = 'required_skills' THEN coalesce((
            SELECT json_agg(row_to_json(required) ORDER BY required.id)
            FROM (
                SELECT (item.value ->> 'id')::uuid AS id, item.value ->> 'relation' AS relation
                FROM jsonb_array_elements(p_patch -> field.key) AS item (value)
            ) AS required
        )::text, '[]')
        WHEN field.key IN ('industry_id', 'job_role_id', 'team_id')
            THEN coalesce(to_json((p_patch ->> field.key)::uuid)::text, 'null')
        ELSE (p_patch -> field.key)::text
    END,
    ',' ORDER BY field.place) || '}'
FROM field
CROSS JOIN own
$$;
COMMENT ON FUNCTION app.amendment_document(app.amendment, text, jsonb)
IS 'The bytes served for an amendment, from a document and the fields that differ.';
GRANT EXECUTE ON FUNCTION
app.amendment_document(app.amendment, text, jsonb), app.merge_patch(jsonb, jsonb)
TO plant_rules;

-- The rule that a vector of the caller's breaks, NULL for none. As numeric: casting a number
-- that single precision has no place for would raise an error of its own.
CREATE FUNCTION app.embedding_rule(p_value jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_rule text;
BEGIN
    IF jsonb_typeof(p_value) <> 'array' THEN
        RETURN 'type';
    END IF;
    IF jsonb_array_length(p_value) <> 384
        OR jsonb_path_exists(p_value, 'strict $[*] ? (@.type() != "number")')
    THEN
        RETURN 'type';
    END IF;
    SELECT CASE
        WHEN max(abs(item.value::numeric)) >= 3.4028235677973366e38
            OR min(abs(item.value::numeric)) FILTER (WHERE item.value::numeric <> 0)
            < 7.0064923216240854e-46 THEN 'number-range'
        WHEN max(abs(item.value::numeric)) = 0 THEN 'zero-vector'
    END INTO v_rule
    FROM jsonb_array_elements(p_value) AS item (value);
    RETURN v_rule;
END
$$;
COMMENT ON FUNCTION app.embedding_rule(jsonb) IS 'Which rule a vector breaks: type, number-range, zero-vector or none.';

-- What is wrong with the fields of a patch, each by itself: a field's name decides its shape,
-- in every kind. A reference is an id, {"id": …} or {"external_id": …}.
CREATE FUNCTION app.field_faults(p_kind text, p_patch jsonb)
RETURNS TABLE (pointer text, rule text, message text)
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
WITH field AS (
    SELECT '/' || shape.field AS pointer, shape.*, given.value, jsonb_typeof(given.value) AS type
    FROM jsonb_each(p_patch) AS given
    INNER JOIN (
        VALUES
        ('name', FALSE, FALSE, 'name', 255, NULL::text[]),
        ('external_id', TRUE, FALSE, 'line', 255, NULL),
        ('scheme', TRUE, FALSE, 'line', 64, NULL),
        ('code', TRUE, FALSE, 'line', 64, NULL),
        ('aliases', FALSE, TRUE, 'line', 255, NULL),
        ('tags', FALSE, TRUE, 'line', 64, NULL),
        ('description', p_kind = 'industry', FALSE, 'prose', 10000, NULL),
        ('governance_notes', TRUE, FALSE, 'notes', 10000, NULL),
        (
            'category', FALSE, FALSE, 'choice', NULL,
            '{technical,soft_skill,domain_expertise,certification}'
        ),
        ('seniority_level', TRUE, FALSE, 'choice', NULL, '{junior,mid,senior}'),
        ('level', TRUE, FALSE, 'level', NULL, NULL),
        ('custom_attributes', FALSE, FALSE, 'object', NULL, NULL),
        ('embedding_384', TRUE, FALSE, 'embedding', NULL, NULL),
        ('job_role_id', FALSE, FALSE, 'reference', NULL, NULL),
        ('industry_id', p_kind = 'job_role', FALSE, 'reference', NULL, NULL),
        ('team_id', TRUE, FALSE, 'reference', NULL, NULL),
        ('parent_ids', FALSE, TRUE, 'reference', NULL, NULL),
        ('skill_ids', FALSE, TRUE, 'reference', NULL, NULL),
        ('required_skills', FALSE, TRUE, 'reference', NULL, NULL)
    ) AS shape (field, may_be_null, is_list, shape, length_max, choices)
        ON given.key = shape.field
),

element AS (
    SELECT
        field.pointer || '/' || (item.place - 1) AS pointer, field.field, field.shape,
        field.length_max, item.value
    FROM field
    CROSS JOIN LATERAL jsonb_array_elements(
        CASE field.type WHEN 'array' THEN field.value ELSE '[]' END
    ) WITH ORDINALITY AS item (value, place)
    WHERE field.is_list
),

single AS (
    SELECT one.*, jsonb_typeof(one.value) AS type, one.value #>> '{}' AS text
    FROM (
        SELECT field.pointer, field.shape, field.length_max, field.choices, field.value
        FROM field
        WHERE NOT field.is_list AND NOT (field.may_be_null AND field.type = 'null')
        UNION ALL
        SELECT element.pointer, element.shape, element.length_max, NULL, element.value
        FROM element
        UNION ALL
        SELECT
            element.pointer || '/relation', 'choice', NULL, '{essential,optional}',
            element.value -> 'relation'
        FROM element
        WHERE element.field = 'required_skills'
    ) AS one
),

fault AS (
    SELECT
        single.*,
        CASE
            WHEN single.shape IN ('name', 'line', 'prose', 'notes') THEN CASE
                WHEN single.type <> 'string' THEN 'type'
                WHEN single.shape <> 'notes' AND single.text ~ '^[[:space:]]*$' THEN 'blank'
                WHEN single.shape IN ('name', 'line') AND single.text <> btrim(single.text)
                    THEN 'trimmed'
                WHEN single.shape IN ('name', 'line')
                    AND single.text ~ '[\u0001-\u001f\u007f-\u009f]' THEN 'control-character'
                WHEN char_length(single.text) > single.length_max THEN 'max-length'
                -- What names are compared by stands in an index, whose rows have a bound.
                WHEN single.shape = 'name' AND octet_length(app.name_key(single.text)) > 2048
                    THEN 'size'
            END
            WHEN single.shape = 'choice' THEN CASE
                WHEN single.text = ANY(single.choices) THEN NULL ELSE 'one-of'
            END
            WHEN single.shape = 'level' THEN CASE
                WHEN single.type <> 'number' OR single.text !~ '^-?[0-9]+$' THEN 'type'
                WHEN single.text::numeric NOT BETWEEN 1 AND 99 THEN 'number-range'
            END
            WHEN single.shape = 'object' THEN CASE
                WHEN single.type <> 'object' THEN 'type'
            END
            WHEN single.shape = 'reference' THEN CASE
                WHEN single.type = 'string' OR single.value ? 'id' THEN CASE
                    WHEN NOT pg_input_is_valid(
                        coalesce(single.value ->> 'id', single.text), 'uuid') THEN 'uuid'
                END
                WHEN single.type <> 'object'
                    OR jsonb_typeof(single.value -> 'external_id') IS DISTINCT FROM 'string'
                    THEN 'type'
            END
            WHEN single.shape = 'embedding' THEN app.embedding_rule(single.value)
        END AS rule
    FROM single
    UNION ALL
    SELECT
        field.pointer, 'list', 200, field.choices, field.value, field.type, NULL,
        CASE field.type WHEN 'array' THEN 'max-length' ELSE 'type' END
    FROM field
    WHERE
        field.is_list
        AND CASE
            WHEN field.type <> 'array' THEN TRUE
            ELSE field.field = 'aliases' AND jsonb_array_length(field.value) > 200
        END
)

SELECT
    fault.pointer,
    fault.rule,
    CASE fault.rule
        WHEN 'type' THEN 'must be ' || CASE
            WHEN fault.shape = 'list' THEN 'an array'
            WHEN fault.shape = 'level' THEN 'a whole number'
            WHEN fault.shape = 'object' THEN 'an object'
            WHEN fault.shape = 'embedding' THEN 'an array of 384 numbers'
            WHEN fault.shape = 'reference' THEN 'an id'
            ELSE 'a text'
        END
        WHEN 'blank' THEN 'must not be blank'
        WHEN 'trimmed' THEN 'must not begin or end with white space'
        WHEN 'control-character' THEN 'has a control character'
        WHEN 'max-length' THEN 'must have at most ' || fault.length_max || CASE fault.shape
            WHEN 'list' THEN ' elements' ELSE ' characters'
        END
        WHEN 'size' THEN 'has compatibility characters that take more than 2,048 bytes'
        WHEN 'one-of' THEN 'must be one of ' || array_to_string(fault.choices, ', ')
        WHEN 'number-range' THEN CASE fault.shape
            WHEN 'level' THEN 'must be 1 to 99'
            ELSE 'has what is no single-precision number'
        END
        WHEN 'zero-vector' THEN 'must not be all zero in single precision'
        WHEN 'uuid' THEN 'must be a UUID'
    END
FROM fault
WHERE fault.rule IS NOT NULL
ORDER BY fault.pointer
$$;
COMMENT ON FUNCTION app.field_faults(text, jsonb) IS 'The fields of a patch that no table would take: pointer, rule and message.';

CREATE FUNCTION app.require_fields(p_kind text, p_patch jsonb) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_errors jsonb := '[{"pointer": "", "rule": "type", "message": "must be an object"}]';
BEGIN
    IF jsonb_typeof(p_patch) = 'object' THEN
        SELECT jsonb_agg(jsonb_build_object(
            'pointer', fault.pointer, 'rule', fault.rule, 'message', fault.message))
        INTO v_errors
        FROM app.field_faults(p_kind, p_patch) AS fault;
    END IF;
    IF v_errors IS NOT NULL THEN
        RAISE EXCEPTION 'The patch does not fit its kind.'
            USING ERRCODE = 'PL009', DETAIL = jsonb_build_object('errors', v_errors)::text;
    END IF;
    PERFORM app.check_bodies(p_kind, ARRAY[p_patch]);
END
$$;
COMMENT ON FUNCTION app.require_fields(text, jsonb) IS 'Raises PL009 for what is no field of the kind, or has a value that no table would take.';
GRANT EXECUTE ON FUNCTION
app.embedding_rule(jsonb), app.field_faults(text, jsonb), app.require_fields(text, jsonb)
TO plant_writer, plant_rules;
GRANT EXECUTE ON FUNCTION app.check_bodies(text, jsonb[]), app.name_key(text) TO plant_rules;

-- What the constraints of the entity's tables would refuse when the amendment is certified,
-- and its author can mend now. What depends on others (a name that is taken, a cycle, the
-- rules for being in force) is asked when it is certified: until then it may change.
CREATE FUNCTION app.require_amendable(p_before jsonb, p_after jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_attributes jsonb := p_after -> 'custom_attributes';
    v_errors jsonb;
BEGIN
    IF p_after ->> 'entity_type' = 'agent'
        AND p_after ->> 'industry_id' IS DISTINCT FROM p_before ->> 'industry_id'
    THEN
        RAISE EXCEPTION 'The industry of an agent never changes.'
            USING ERRCODE = 'PL018', DETAIL = jsonb_build_object('errors', jsonb_build_array(
                jsonb_build_object('pointer', '/industry_id', 'rule', 'immutable',
                    'message', 'Create another agent for another industry.')))::text;
    END IF;
    IF p_after -> 'parent_ids' ? (p_after ->> 'id') THEN
        RAISE EXCEPTION 'An entity cannot be its own parent.'
            USING ERRCODE = 'PL012', DETAIL = jsonb_build_object('errors', jsonb_build_array(
                jsonb_build_object('pointer', '/parent_ids', 'rule', 'acyclic',
                    'message', 'An entity cannot be among its own ancestors.')))::text;
    END IF;
    SELECT jsonb_agg(jsonb_build_object(
        'pointer', fault.pointer, 'rule', fault.rule, 'message', fault.message))
    INTO v_errors
    FROM (
        SELECT
            '/scheme' AS pointer, 'all-or-none' AS rule,
            'scheme, code and level are given together or not at all.' AS message
        WHERE
            p_after ? 'scheme'
            AND num_nulls(p_after ->> 'scheme', p_after ->> 'code', p_after ->> 'level')
            NOT IN (0, 3)
        UNION ALL
        SELECT
            '/custom_attributes', 'size',
            'custom_attributes take at most 32 KiB of compact JSON.'
        WHERE
            octet_length(v_attributes::text) > 32768
            AND app.compact_length(v_attributes) > 32768
        UNION ALL
        SELECT
            '/custom_attributes', 'depth', 'custom_attributes nest at most 16 levels deep.'
        WHERE jsonb_path_exists(
            v_attributes,
            'strict $.**{16 to last} ? (@.type() == "object" || @.type() == "array")')
        UNION ALL
        SELECT '/' || list.key, 'duplicate', 'One is named twice.'
        FROM (
            VALUES ('tags'), ('parent_ids'), ('skill_ids'), ('required_skills')
        ) AS list (key)
        WHERE EXISTS (
            SELECT
            FROM jsonb_array_elements(p_after -> list.key) AS item (value)
            GROUP BY
                CASE jsonb_typeof(item.value)
                    WHEN 'object' THEN item.value ->> 'id' ELSE item.value #>> '{}'
                END
            HAVING count(*) > 1
        )
    ) AS fault;
    IF v_errors IS NOT NULL THEN
        RAISE EXCEPTION 'With this patch the document would break a bound.'
            USING ERRCODE = 'PL009', DETAIL = jsonb_build_object('errors', v_errors)::text;
    END IF;
END
$$;
COMMENT ON FUNCTION app.require_amendable(jsonb, jsonb) IS 'Raises PL009, PL012 or PL018 when a document may not become another.';

-- An amendment that cannot be certified any more, because its entity is another one now.
CREATE FUNCTION app.require_current(p_amendment app.amendment, p_entity app.base_entity)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_detail constant text := jsonb_build_object(
        'base_version', p_amendment.base_version,
        'current_version', p_entity.version,
        'current_status', p_entity.status)::text;
BEGIN
    IF NOT app.is_in_force(p_entity.status) THEN
        RAISE EXCEPTION 'The entity is %: its amendment can only be withdrawn.', p_entity.status
            USING ERRCODE = 'PL021', DETAIL = v_detail;
    END IF;
    IF p_entity.version <> p_amendment.base_version THEN
        RAISE EXCEPTION USING
            ERRCODE = 'PL021', DETAIL = v_detail,
            MESSAGE = format(
                'It is based on version %s, and the entity is at version %s: take it back (to '
                'draft), PATCH it, which bases it on that version, and submit it again.',
                p_amendment.base_version, p_entity.version);
    END IF;
END
$$;
COMMENT ON FUNCTION app.require_current(app.amendment, app.base_entity) IS 'Raises PL021 when the entity has moved on from what an amendment is based on.';

-- Checks one step of an amendment.
CREATE FUNCTION app.check_amendment_step(
    p_old app.amendment, p_new app.amendment, p_entity app.base_entity, p_scopes text[]
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_step app.amendment_step;
    v_is_author constant boolean := p_old.governance_agent_id = app.governance_agent_id();
BEGIN
    SELECT amendment_step.* INTO v_step
    FROM app.amendment_step
    WHERE
        amendment_step.from_status = p_old.status
        AND amendment_step.to_status = p_new.status
        AND coalesce(amendment_step.by_author = v_is_author, TRUE);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'No step of yours leads an amendment from % to %.',
            p_old.status, p_new.status
            USING ERRCODE = 'PL003', DETAIL = jsonb_build_object('allowed', (
                SELECT coalesce(jsonb_agg(
                    amendment_step.to_status ORDER BY amendment_step.to_status), '[]')
                FROM app.amendment_step
                WHERE
                    amendment_step.from_status = p_old.status
                    AND coalesce(amendment_step.by_author, FALSE) = v_is_author
            ))::text;
    END IF;
    IF v_step.scope <> ALL(p_scopes) THEN
        RAISE EXCEPTION 'The step % needs a key with scope %.', v_step.operation, v_step.scope
            USING ERRCODE = 'PL007',
            DETAIL = jsonb_build_object('required_scope', v_step.scope)::text;
    END IF;
    IF v_step.scope = 'certify' THEN
        PERFORM app.require_other_author(
            p_old.tenant_id, p_old.id, app.governance_agent_id(), p_old.governance_agent_id);
    END IF;
    IF p_new.status IN ('under_review', 'certified') THEN
        PERFORM app.require_current(p_old, p_entity);
    END IF;
    IF p_new.status = 'under_review'
        AND app.document_content(p_old.document) = app.document_content(p_entity.document)
    THEN
        RAISE EXCEPTION 'It changes nothing of what is in force: there is nothing to certify.'
            USING ERRCODE = 'PL003', DETAIL = '{"allowed": ["withdrawn"]}';
    END IF;
END
$$;
COMMENT ON FUNCTION app.check_amendment_step(app.amendment, app.amendment, app.base_entity, text[])
IS 'Raises unless this step of an amendment is allowed, by this key, and its entity has not moved on.';

CREATE FUNCTION app.amendment_guard() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table was small must not read it whole once it has grown.
SET enable_seqscan = OFF
AS $$
DECLARE
    v_scopes text[] := app.key_scopes(app.key_id(), app.governance_agent_id());
    v_entity app.base_entity;
BEGIN
    IF NEW.tenant_id <> app.tenant_id() THEN
        RAISE EXCEPTION 'The row belongs to another tenant.' USING ERRCODE = 'PL013';
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'Amendments are changed in READ COMMITTED transactions only.'
            USING ERRCODE = 'PL013';
    END IF;
    -- The functions have locked it already, before the amendment.
    SELECT base_entity.* INTO v_entity
    FROM app.base_entity
    WHERE base_entity.tenant_id = NEW.tenant_id AND base_entity.id = NEW.entity_id
    FOR NO KEY UPDATE;
    IF tg_op = 'UPDATE' THEN
        IF (NEW.tenant_id, NEW.id, NEW.entity_id, NEW.entity_type, NEW.created_at,
            NEW.governance_agent_id)
            IS DISTINCT FROM
            (OLD.tenant_id, OLD.id, OLD.entity_id, OLD.entity_type, OLD.created_at,
            OLD.governance_agent_id)
        THEN
            RAISE EXCEPTION 'Tenant, id, entity, creation time and author never change.'
                USING ERRCODE = 'PL013';
        END IF;
        NEW.version := OLD.version + 1;
        NEW.updated_at := greatest(clock_timestamp(), OLD.updated_at + interval '1 microsecond');
    END IF;

    IF tg_op = 'UPDATE' AND NEW.status <> OLD.status THEN
        IF (NEW.patch, NEW.base_version) IS DISTINCT FROM (OLD.patch, OLD.base_version) THEN
            RAISE EXCEPTION 'A step changes nothing but the state.' USING ERRCODE = 'PL013';
        END IF;
        PERFORM app.check_amendment_step(OLD, NEW, v_entity, v_scopes);
        NEW.document := app.amendment_document(NEW, OLD.document, '{}');
        RETURN NEW;
    END IF;

    IF NEW.governance_agent_id <> app.governance_agent_id() THEN
        RAISE EXCEPTION 'An amendment is written by its own author.' USING ERRCODE = 'PL013';
    END IF;
    IF 'write' <> ALL(v_scopes) THEN
        RAISE EXCEPTION 'A change needs a key with scope write.'
            USING ERRCODE = 'PL007', DETAIL = '{"required_scope": "write"}';
    END IF;
    IF NEW.status <> 'draft' THEN
        RAISE EXCEPTION 'An amendment is written while it is a draft.'
            USING ERRCODE = 'PL003', DETAIL = jsonb_build_object('allowed', (
                SELECT coalesce(jsonb_agg(
                    amendment_step.to_status ORDER BY amendment_step.to_status), '[]')
                FROM app.amendment_step
                WHERE amendment_step.from_status = NEW.status AND amendment_step.by_author
            ))::text;
    END IF;
    NEW.base_version := v_entity.version;
    IF tg_op = 'INSERT' THEN
        IF app.is_in_force(v_entity.status) IS NOT TRUE THEN
            RAISE EXCEPTION 'Only what is in force is changed by an amendment.'
                USING ERRCODE = 'PL023',
                DETAIL = jsonb_build_object('current_status', v_entity.status)::text;
        END IF;
        NEW.version := 1;
        NEW.created_at := clock_timestamp();
        NEW.updated_at := NEW.created_at;
    END IF;
    PERFORM app.require_current(NEW, v_entity);
    PERFORM app.require_fields(NEW.entity_type, NEW.patch);
    NEW.document := app.amendment_document(NEW, v_entity.document, NEW.patch);
    PERFORM app.require_amendable(v_entity.document::jsonb, NEW.document::jsonb);
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION app.amendment_guard() IS 'Trigger: who, which step, what never changes; sets version, times, base version and document.';

-- What both logs have in common. Runs with the rights of plant_audit, whose triggers call it.
CREATE FUNCTION audit.append_entry(
    p_tenant_id uuid, p_entity_type text, p_entity_id uuid, p_version integer,
    p_operation text, p_actor text, p_key text, p_at timestamptz,
    p_document text, p_prev_hash bytea, p_private_to uuid,
    OUT audit_id uuid, OUT entry_hash bytea
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_audit_id constant uuid := uuidv7();
    v_salt constant bytea := uuid_send(gen_random_uuid());
    v_payload_hash constant bytea := sha256(v_salt || convert_to(p_document, 'UTF8'));
    v_entry_hash constant bytea := sha256(audit.entry_bytes(
        p_tenant_id, p_entity_type, p_entity_id, p_version, p_operation, p_actor, p_key,
        p_at, v_payload_hash, p_prev_hash));
BEGIN
    INSERT INTO audit.entry (
        tenant_id, audit_id, entity_type, entity_id, version, operation, actor, key, at,
        payload_hash, prev_hash, entry_hash
    ) VALUES (
        p_tenant_id, v_audit_id, p_entity_type, p_entity_id, p_version, p_operation,
        p_actor, p_key, p_at, v_payload_hash, p_prev_hash, v_entry_hash
    );
    INSERT INTO audit.payload (
        tenant_id, audit_id, salt, body, reason, successor_id, private_to
    ) VALUES (
        p_tenant_id, v_audit_id, v_salt, p_document,
        -- Of steps only: who works in SQL may leave these settings behind.
        CASE
            WHEN p_operation NOT IN ('create', 'amend', 'import')
                THEN nullif(current_setting('app.step_reason', TRUE), '')
        END,
        CASE
            WHEN p_operation = 'deprecate'
                THEN nullif(current_setting('app.step_successor_id', TRUE), '')::uuid
        END,
        p_private_to
    );
    INSERT INTO audit.pending (tenant_id, audit_id) VALUES (p_tenant_id, v_audit_id);
    audit_id := v_audit_id;
    entry_hash := v_entry_hash;
END
$$;
COMMENT ON FUNCTION audit.append_entry(uuid, text, uuid, integer, text, text, text, timestamptz, text, bytea, uuid)
IS 'Writes one entry, payload and pending row; returns the id and hash of the entry.';
GRANT EXECUTE ON FUNCTION
audit.append_entry(uuid, text, uuid, integer, text, text, text, timestamptz, text, bytea, uuid)
TO plant_audit;

CREATE FUNCTION audit.amendment_log() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_prev_hash bytea := decode(repeat('00', 32), 'hex');
    v_operation text := 'create';
BEGIN
    IF tg_op = 'UPDATE' THEN
        v_prev_hash := OLD.version_hash;
        v_operation := 'amend';
        IF NEW.status <> OLD.status THEN
            SELECT amendment_step.operation INTO STRICT v_operation
            FROM app.amendment_step
            WHERE
                amendment_step.from_status = OLD.status
                AND amendment_step.to_status = NEW.status;
        END IF;
    END IF;
    SELECT appended.audit_id, appended.entry_hash INTO NEW.last_entry_id, NEW.version_hash
    FROM audit.append_entry(
        NEW.tenant_id, 'amendment', NEW.id, NEW.version, v_operation,
        app.governance_agent_id()::text, app.key_id()::text, NEW.updated_at, NEW.document,
        v_prev_hash,
        -- Not NEW.private_to: a generated column is computed after these triggers.
        CASE WHEN NEW.status IN ('draft', 'withdrawn') THEN NEW.governance_agent_id END
    ) AS appended;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION audit.amendment_log() IS 'Trigger: writes exactly one entry, payload and pending row per change of an amendment.';

CREATE TRIGGER amendment_10_guard BEFORE INSERT OR UPDATE ON app.amendment
FOR EACH ROW EXECUTE FUNCTION app.amendment_guard();
CREATE TRIGGER amendment_90_log BEFORE INSERT OR UPDATE ON app.amendment
FOR EACH ROW EXECUTE FUNCTION audit.amendment_log();
ALTER TABLE app.amendment ENABLE ALWAYS TRIGGER amendment_10_guard;
ALTER TABLE app.amendment ENABLE ALWAYS TRIGGER amendment_90_log;

-- How a write happens: one function for PATCH, one for the steps, owned by plant_writer.

CREATE FUNCTION app.amendment_propose(
    p_kind text, p_entity_id uuid, p_etags text, p_patch jsonb
) RETURNS app.written
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_entity app.base_entity;
    v_open app.amendment;
    v_etag text;
    v_patch jsonb := p_patch;
    v_written app.written;
BEGIN
    -- What is no reference cannot be looked up; the other fields are the guard's to ask.
    IF p_patch ?| '{parent_ids,required_skills,skill_ids,industry_id,job_role_id,team_id}' THEN
        PERFORM app.require_fields(p_kind, p_patch);
        v_patch := app.resolved_body(p_kind, p_patch);
    END IF;
    -- Before the amendment is looked for, so that of two first patches the second finds what
    -- the first has made.
    SELECT base_entity.* INTO v_entity
    FROM app.base_entity
    WHERE
        base_entity.tenant_id = app.tenant_id()
        AND base_entity.id = p_entity_id
        AND base_entity.entity_type = p_kind
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'No % with this id is visible to you.', replace(p_kind, '_', ' ')
            USING ERRCODE = 'PL001';
    END IF;
    SELECT amendment.* INTO v_open
    FROM app.amendment
    WHERE
        amendment.tenant_id = app.tenant_id()
        AND amendment.entity_id = p_entity_id
        AND amendment.status IN ('draft', 'under_review')
    FOR NO KEY UPDATE;
    IF v_open.governance_agent_id <> app.governance_agent_id() THEN
        RAISE EXCEPTION 'Another governance agent''s amendment of it is open.'
            USING ERRCODE = 'PL022';
    END IF;
    v_etag := CASE
        WHEN v_open.id IS NULL THEN app.etag(v_entity.version, v_entity.version_hash)
        ELSE app.etag(v_open.version, v_open.version_hash)
    END;
    IF v_etag <> ALL(string_to_array(p_etags, ',')) THEN
        RAISE EXCEPTION 'The % has changed since you read it.',
            CASE WHEN v_open.id IS NULL THEN 'entity' ELSE 'amendment' END
            USING ERRCODE = 'PL002',
            DETAIL = jsonb_build_object('current_etag', '"' || v_etag || '"')::text;
    END IF;
    IF v_open.id IS NULL AND NOT app.is_in_force(v_entity.status) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'PL023',
            DETAIL = jsonb_build_object('current_status', v_entity.status)::text,
            MESSAGE = CASE v_entity.status
                WHEN 'draft' THEN 'It is a draft: PATCH the entity itself.'
                WHEN 'under_review' THEN
                    'It is under review: take it back to draft and PATCH the entity itself, or '
                    'amend it once it is certified.'
                ELSE 'What is archived never changes.'
            END;
    END IF;
    IF v_open.status = 'under_review' THEN
        RAISE EXCEPTION 'The amendment is under review: take it back (to draft) first.'
            USING ERRCODE = 'PL003', DETAIL = '{"allowed": ["draft", "withdrawn"]}';
    END IF;

    IF v_open.id IS NULL THEN
        -- Another governance agent's draft cannot be seen here: amendment_open_key refuses.
        INSERT INTO app.amendment (
            tenant_id, entity_id, entity_type, base_version, patch, governance_agent_id
        ) VALUES (
            app.tenant_id(), p_entity_id, p_kind, v_entity.version,
            app.amendment_patch(v_entity.document, '{}', v_patch), app.governance_agent_id()
        )
        RETURNING
            amendment.id, amendment.version, amendment.document,
            app.etag(amendment.version, amendment.version_hash),
            amendment.last_entry_id, amendment.version_hash
        INTO v_written;
    ELSE
        UPDATE app.amendment SET
            base_version = v_entity.version,
            patch = app.amendment_patch(v_entity.document, v_open.patch, v_patch)
        WHERE amendment.tenant_id = app.tenant_id() AND amendment.id = v_open.id
        RETURNING
            amendment.id, amendment.version, amendment.document,
            app.etag(amendment.version, amendment.version_hash),
            amendment.last_entry_id, amendment.version_hash
        INTO v_written;
    END IF;
    RETURN v_written;
END
$$;
COMMENT ON FUNCTION app.amendment_propose(text, uuid, text, jsonb)
IS 'Opens the amendment of an entity in force or changes one''s own open draft; version 1 is a new one.';

CREATE TYPE app.amendment_stepped AS (
    id uuid,
    version integer,
    document text,
    etag text,
    audit_id uuid,
    entry_hash bytea,
    entity_etag text
);
COMMENT ON TYPE app.amendment_stepped IS 'What a step of an amendment answers with; entity_etag of the entity''s new version when it was certified.';
GRANT USAGE ON TYPE app.amendment_stepped TO plant_app, plant_writer;

CREATE FUNCTION app.amendment_take_step(
    p_kind text, p_entity_id uuid, p_etags text, p_to text, p_reason text
) RETURNS app.amendment_stepped
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_found app.amendment;
    v_amendment app.amendment;
    v_etag text;
    v_stepped app.amendment_stepped;
BEGIN
    -- Without a lock, to know what has to be locked before it.
    SELECT amendment.* INTO v_found
    FROM app.amendment
    WHERE
        amendment.tenant_id = app.tenant_id()
        AND amendment.entity_id = p_entity_id
        AND amendment.entity_type = p_kind
        AND amendment.status IN ('draft', 'under_review');
    IF p_to = 'certified' THEN
        PERFORM app.lock_parents(ARRAY[v_found.patch]);
        -- Teams before their members, as where a team itself enters force.
        PERFORM
        FROM app.base_entity
        WHERE
            base_entity.tenant_id = app.tenant_id()
            AND base_entity.id = ANY(ARRAY(
                SELECT agent_entity.team_id FROM app.agent_entity
                WHERE
                    agent_entity.tenant_id = app.tenant_id()
                    AND agent_entity.id = p_entity_id
                UNION
                SELECT (v_found.patch ->> 'team_id')::uuid
            ))
        ORDER BY base_entity.id
        FOR SHARE;
    END IF;
    PERFORM
    FROM app.base_entity
    WHERE base_entity.tenant_id = app.tenant_id() AND base_entity.id = p_entity_id
    FOR NO KEY UPDATE;
    -- By its id: whoever waited finds what became of it, and not that there is none.
    SELECT amendment.* INTO v_amendment
    FROM app.amendment
    WHERE amendment.tenant_id = app.tenant_id() AND amendment.id = v_found.id
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'No open amendment of this % is visible to you.',
            replace(p_kind, '_', ' ')
            USING ERRCODE = 'PL001';
    END IF;
    v_etag := app.etag(v_amendment.version, v_amendment.version_hash);
    IF v_etag <> ALL(string_to_array(p_etags, ',')) THEN
        RAISE EXCEPTION 'The amendment has changed since you read it.'
            USING ERRCODE = 'PL002',
            DETAIL = jsonb_build_object('current_etag', '"' || v_etag || '"')::text;
    END IF;
    -- Without a change of state the trigger would take it for a change of content.
    IF v_amendment.status = p_to THEN
        RAISE EXCEPTION 'It is % already.', p_to
            USING ERRCODE = 'PL003', DETAIL = jsonb_build_object('allowed', (
                SELECT coalesce(jsonb_agg(
                    amendment_step.to_status ORDER BY amendment_step.to_status), '[]')
                FROM app.amendment_step
                WHERE
                    amendment_step.from_status = p_to
                    AND coalesce(amendment_step.by_author, FALSE)
                    = (v_amendment.governance_agent_id = app.governance_agent_id())
            ))::text;
    END IF;

    PERFORM
        set_config('app.step_reason', coalesce(p_reason, ''), TRUE),
        set_config('app.step_successor_id', '', TRUE);
    UPDATE app.amendment SET status = p_to
    WHERE amendment.tenant_id = app.tenant_id() AND amendment.id = v_amendment.id
    RETURNING
        amendment.id, amendment.version, amendment.document,
        app.etag(amendment.version, amendment.version_hash),
        amendment.last_entry_id, amendment.version_hash, NULL
    INTO v_stepped;
    IF p_to = 'certified' THEN
        v_stepped.entity_etag := app.amended_etag(p_kind, p_entity_id, v_amendment.patch);
    END IF;
    PERFORM set_config('app.step_reason', '', TRUE);
    RETURN v_stepped;
END
$$;
COMMENT ON FUNCTION app.amendment_take_step(text, uuid, text, text, text)
IS 'Takes one step of the open amendment of an entity; certifying it changes the entity.';

-- The content of an entity in force becomes what was certified. Called between the lines
-- above, where an amendment stands certified on the entity's version: nowhere else will the
-- entity's guard let it through.
CREATE FUNCTION app.amended_etag(p_kind text, p_entity_id uuid, p_patch jsonb) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_ids constant uuid[] := ARRAY[p_entity_id];
    v_any constant text[] := ARRAY[NULL::text];
    v_patches constant jsonb[] := ARRAY[p_patch];
    v_etag text;
BEGIN
    CASE p_kind
        WHEN 'skill' THEN
            SELECT written.etag INTO STRICT v_etag
            FROM app.skill_amend(v_ids, v_any, v_patches, TRUE, NULL) AS written;
        WHEN 'industry' THEN
            SELECT written.etag INTO STRICT v_etag
            FROM app.industry_amend(v_ids, v_any, v_patches, TRUE, NULL) AS written;
        WHEN 'job_role' THEN
            SELECT written.etag INTO STRICT v_etag
            FROM app.job_role_amend(v_ids, v_any, v_patches, TRUE, NULL) AS written;
        WHEN 'team' THEN
            SELECT written.etag INTO STRICT v_etag
            FROM app.team_amend(v_ids, v_any, v_patches, TRUE, NULL) AS written;
        WHEN 'agent' THEN
            SELECT written.etag INTO STRICT v_etag
            FROM app.agent_amend(v_ids, v_any, v_patches, TRUE, NULL) AS written;
    END CASE;
    RETURN v_etag;
END
$$;
COMMENT ON FUNCTION app.amended_etag(text, uuid, jsonb) IS 'Writes certified content into its entity; returns the new entity tag.';

GRANT EXECUTE ON FUNCTION
app.require_amendable(jsonb, jsonb),
app.require_current(app.amendment, app.base_entity),
app.check_amendment_step(app.amendment, app.amendment, app.base_entity, text[])
TO plant_rules;
GRANT EXECUTE ON FUNCTION app.amended_etag(text, uuid, jsonb) TO plant_writer;
GRANT SELECT ON app.amendment_step TO plant_writer;
GRANT EXECUTE ON FUNCTION
app.amendment_propose(text, uuid, text, jsonb),
app.amendment_take_step(text, uuid, text, text, text)
TO plant_app;

GRANT CREATE ON SCHEMA app TO plant_rules, plant_writer;
GRANT CREATE ON SCHEMA audit TO plant_audit;
ALTER FUNCTION app.amendment_guard() OWNER TO plant_rules;
ALTER FUNCTION audit.amendment_log() OWNER TO plant_audit;
ALTER FUNCTION app.amendment_propose(text, uuid, text, jsonb) OWNER TO plant_writer;
ALTER FUNCTION app.amendment_take_step(text, uuid, text, text, text) OWNER TO plant_writer;

-- The two triggers of app.base_entity. Only an owner replaces a function, and their owners'
-- rights are not inherited.
SET LOCAL ROLE plant_rules;
CREATE OR REPLACE FUNCTION app.base_entity_guard() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table was small must not read it whole once it has grown.
SET enable_seqscan = OFF
AS $$
DECLARE
    v_scopes text[] := app.key_scopes(app.key_id(), app.governance_agent_id());
    v_certifier uuid;
    v_certified text;
    -- What may change in force without a certification, and what changes by itself.
    v_operational constant text[] :=
        '{tags,governance_notes,team_id,status,version,updated_at}';
    v_of_step constant text[] := '{status,version,updated_at}';
BEGIN
    IF NEW.tenant_id <> app.tenant_id() THEN
        RAISE EXCEPTION 'The row belongs to another tenant.' USING ERRCODE = 'PL013';
    END IF;
    -- Rules are asked after the locks are held. An older snapshot would not show what was
    -- certified or archived while this transaction waited for them.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'Entities are changed in READ COMMITTED transactions only.'
            USING ERRCODE = 'PL013';
    END IF;
    IF NEW.status = 'active'
        AND (tg_op = 'INSERT' OR OLD.status IN ('draft', 'under_review', 'certified'))
        AND app.certifier_key_id() IS NOT NULL
    THEN
        v_certifier := app.certifier_id();
        IF v_certifier IS NULL THEN
            RAISE EXCEPTION 'Certifying needs a valid second key with scope certify.'
                USING ERRCODE = 'PL007', DETAIL = '{"required_scope": "certify"}';
        END IF;
    END IF;
    -- An amendment that stands certified on this very version is about to change the entity:
    -- the transaction that certified it goes on to the next version, or is undone.
    IF tg_op = 'UPDATE' AND NEW.status = OLD.status AND app.is_in_force(OLD.status) THEN
        SELECT amendment.document INTO v_certified
        FROM app.amendment
        WHERE
            amendment.tenant_id = OLD.tenant_id
            AND amendment.entity_id = OLD.id
            AND amendment.base_version = OLD.version
            AND amendment.status = 'certified';
    END IF;
    IF v_certified IS NOT NULL THEN
        IF 'certify' <> ALL(v_scopes) THEN
            RAISE EXCEPTION 'Certifying needs a key with scope certify.'
                USING ERRCODE = 'PL007', DETAIL = '{"required_scope": "certify"}';
        END IF;
    ELSIF 'write' <> ALL(v_scopes) AND (tg_op = 'INSERT' OR NEW.status = OLD.status) THEN
        RAISE EXCEPTION 'A change needs a key with scope write.'
            USING ERRCODE = 'PL007', DETAIL = '{"required_scope": "write"}';
    END IF;
    -- Within which a name is unique: the guard's to say, so that no caller can choose it.
    NEW.name_scope := NULL;
    IF NEW.entity_type = 'industry' THEN
        SELECT industry_entity.scheme || ' ' || industry_entity.level INTO NEW.name_scope
        FROM app.industry_entity
        WHERE industry_entity.tenant_id = NEW.tenant_id AND industry_entity.id = NEW.id;
    END IF;

    IF tg_op = 'INSERT' THEN
        IF NEW.governance_agent_id <> app.governance_agent_id() THEN
            RAISE EXCEPTION 'An entity is created in the name of its own governance agent.'
                USING ERRCODE = 'PL013';
        END IF;
        IF NEW.status <> 'draft' AND v_certifier IS NULL THEN
            RAISE EXCEPTION 'An entity begins as a draft.'
                USING ERRCODE = 'PL003', DETAIL = '{"allowed": ["draft"]}';
        END IF;
        NEW.version := 1;
        NEW.created_at := clock_timestamp();
        NEW.updated_at := NEW.created_at;
        NEW.document := app.entity_document(NEW);
        IF v_certifier IS NOT NULL THEN
            PERFORM app.require_other_author(
                NEW.tenant_id, NEW.id, v_certifier, NEW.governance_agent_id);
            PERFORM app.require_rules(NEW);
        END IF;
        RETURN NEW;
    END IF;

    IF (NEW.tenant_id, NEW.id, NEW.entity_type, NEW.created_at, NEW.governance_agent_id)
        IS DISTINCT FROM
        (OLD.tenant_id, OLD.id, OLD.entity_type, OLD.created_at, OLD.governance_agent_id)
    THEN
        RAISE EXCEPTION 'Tenant, id, kind, creation time and governance agent never change.'
            USING ERRCODE = 'PL013';
    END IF;
    IF NEW.version NOT IN (OLD.version, OLD.version + 1) THEN
        RAISE EXCEPTION 'Versions step by one.' USING ERRCODE = 'PL013';
    END IF;
    IF OLD.status = 'archived' THEN
        RAISE EXCEPTION 'What is archived never changes.'
            USING ERRCODE = 'PL003', DETAIL = '{"allowed": []}';
    END IF;
    NEW.version := OLD.version + 1;
    -- Under the row lock: versions and times agree even when the clock steps back.
    NEW.updated_at := greatest(clock_timestamp(), OLD.updated_at + interval '1 microsecond');
    NEW.archived_at := CASE WHEN NEW.status = 'archived' THEN NEW.updated_at END;
    NEW.document := app.entity_document(NEW);
    IF v_certified IS NOT NULL THEN
        IF app.document_content(NEW.document) <> app.document_content(v_certified) THEN
            RAISE EXCEPTION 'The change is not the one that was certified.'
                USING ERRCODE = 'PL004',
                DETAIL = jsonb_build_object('current_status', OLD.status)::text;
        END IF;
        -- The amendment's guard has asked who wrote the amendment. A tag that the certifier
        -- gave the entity since it was certified is in this document too.
        PERFORM app.require_other_author(
            NEW.tenant_id, NEW.id, app.governance_agent_id(), NULL);
        PERFORM app.require_rules(NEW);
        RETURN NEW;
    END IF;
    -- As text: to jsonb 1 equals 1.0, but what is served and hashed would differ.
    IF OLD.status <> 'draft'
        AND (NEW.document::jsonb - v_operational)::text
        <> (OLD.document::jsonb - v_operational)::text
    THEN
        RAISE EXCEPTION 'The content of an entity that is % changes only by an amendment.',
            OLD.status
            USING ERRCODE = 'PL004', DETAIL = jsonb_build_object(
                'current_status', OLD.status,
                'errors', (
                    SELECT jsonb_agg(jsonb_build_object(
                        'pointer', '/' || replace(field.key, '_sha256', '_384'),
                        'rule', 'immutable',
                        'message', 'changes only by an amendment') ORDER BY field.key)
                    FROM jsonb_each(NEW.document::jsonb - v_operational) AS field
                    WHERE
                        field.value::text
                        IS DISTINCT FROM (OLD.document::jsonb -> field.key)::text
                ))::text;
    END IF;
    IF NEW.status <> OLD.status THEN
        IF 'write' <> ALL(v_scopes)
            AND (NEW.document::jsonb - v_of_step)::text
            <> (OLD.document::jsonb - v_of_step)::text
        THEN
            RAISE EXCEPTION 'A step with this key changes nothing but the state.'
                USING ERRCODE = 'PL007', DETAIL = '{"required_scope": "write"}';
        END IF;
        IF v_certifier IS NOT NULL THEN
            IF 'write' <> ALL(v_scopes) THEN
                RAISE EXCEPTION 'An import needs a key with scope write.'
                    USING ERRCODE = 'PL007', DETAIL = '{"required_scope": "write"}';
            END IF;
            PERFORM app.require_other_author(
                NEW.tenant_id, NEW.id, v_certifier, app.governance_agent_id());
            PERFORM app.require_rules(NEW);
        ELSE
            PERFORM app.check_step(OLD, NEW, v_scopes);
        END IF;
    END IF;
    RETURN NEW;
END
$$;

SET LOCAL ROLE plant_audit;
CREATE OR REPLACE FUNCTION audit.base_entity_log() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while a table was small must not read it whole once it has grown.
SET enable_seqscan = OFF
AS $$
DECLARE
    v_prev_hash bytea := decode(repeat('00', 32), 'hex');
    v_operation text := 'create';
    v_actor text := app.governance_agent_id();
    v_key text := app.key_id();
BEGIN
    IF tg_op = 'UPDATE' THEN
        v_prev_hash := OLD.version_hash;
        v_operation := 'amend';
    END IF;
    IF NEW.status = 'active' AND app.certifier_key_id() IS NOT NULL
        AND (tg_op = 'INSERT' OR OLD.status <> 'active')
    THEN
        v_operation := 'import';
        SELECT v_actor || '+' || api_key.governance_agent_id, v_key || '+' || api_key.id
        INTO STRICT v_actor, v_key
        FROM app.api_key
        WHERE
            api_key.tenant_id = NEW.tenant_id
            AND api_key.id = app.certifier_key_id();
    ELSIF tg_op = 'UPDATE' AND NEW.status <> OLD.status THEN
        SELECT life_cycle_step.operation INTO STRICT v_operation
        FROM app.life_cycle_step
        WHERE
            life_cycle_step.from_status = OLD.status
            AND life_cycle_step.to_status = NEW.status
            AND coalesce(
                life_cycle_step.by_author
                = (OLD.governance_agent_id = app.governance_agent_id()),
                TRUE
            );
    ELSIF tg_op = 'UPDATE' AND app.is_in_force(OLD.status) AND EXISTS (
        SELECT FROM app.amendment
        WHERE
            amendment.tenant_id = OLD.tenant_id
            AND amendment.entity_id = OLD.id
            AND amendment.base_version = OLD.version
            AND amendment.status = 'certified'
    ) THEN
        -- The guard has compared the two: this is the certification of that amendment.
        v_operation := 'certify';
    END IF;

    SELECT appended.audit_id, appended.entry_hash INTO NEW.last_entry_id, NEW.version_hash
    FROM audit.append_entry(
        NEW.tenant_id, NEW.entity_type, NEW.id, NEW.version, v_operation, v_actor, v_key,
        NEW.updated_at, NEW.document, v_prev_hash,
        -- Not NEW.private_to: a generated column is computed after these triggers.
        CASE WHEN NEW.status = 'draft' THEN NEW.governance_agent_id END
    ) AS appended;
    RETURN NEW;
END
$$;

SET LOCAL ROLE plant_owner;
REVOKE CREATE ON SCHEMA app FROM plant_rules, plant_writer;
REVOKE CREATE ON SCHEMA audit FROM plant_audit;
