-- The base of all five kinds: identity, life cycle, versioning, alignment, audit,
-- metadata, relations; its links to parents and tags.
-- depends: 0000.foundation

-- Bytes of a JSON value written without white space: jsonb's own text has a blank after
-- every colon and comma.
CREATE FUNCTION app.compact_length(p_value jsonb) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT octet_length(p_value::text) - coalesce(sum(
    CASE jsonb_typeof(part.value)
        WHEN 'object' THEN greatest(
            2 * (SELECT count(*) FROM jsonb_object_keys(part.value)) - 1, 0)
        WHEN 'array' THEN greatest(jsonb_array_length(part.value) - 1, 0)
        ELSE 0
    END), 0)
FROM jsonb_path_query(p_value, 'strict $.**') AS part (value)
$$;
COMMENT ON FUNCTION app.compact_length(jsonb) IS 'Length in bytes of the JSON text without white space.';
GRANT EXECUTE ON FUNCTION app.compact_length(jsonb) TO plant_app, plant_writer, plant_rules;

-- What a name, an alias and a tag have in common; NULL is no line.
CREATE FUNCTION app.are_lines(p_texts text[], p_length_max integer) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN NOT EXISTS (
    SELECT
    FROM unnest(p_texts) AS line (value)
    WHERE (
        char_length(line.value) BETWEEN 1 AND p_length_max
        AND line.value = btrim(line.value)
        AND line.value !~ '[\u0001-\u001f\u007f-\u009f]'
    ) IS NOT TRUE
);
COMMENT ON FUNCTION app.are_lines(text[], integer) IS 'Whether each text is trimmed, without control characters, and within its length.';
GRANT EXECUTE ON FUNCTION app.are_lines(text[], integer) TO plant_app, plant_writer, plant_rules;

CREATE TABLE app.base_entity (
    tenant_id uuid NOT NULL,
    -- identity
    id uuid NOT NULL DEFAULT uuidv7(),
    entity_type text NOT NULL,
    external_id text,
    name text NOT NULL,
    name_key text COLLATE "C" GENERATED ALWAYS AS (
        casefold(normalize(name, nfkc) COLLATE pg_unicode_fast) COLLATE "C"
    ) STORED,
    name_scope text,
    description text,
    -- life cycle
    status text NOT NULL DEFAULT 'draft',
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    archived_at timestamptz,
    private_to uuid GENERATED ALWAYS AS (
        CASE WHEN status = 'draft' THEN governance_agent_id END
    ) STORED,
    -- versioning
    version integer NOT NULL DEFAULT 1,
    version_hash bytea NOT NULL,
    -- audit
    last_entry_id uuid NOT NULL,
    -- metadata
    aliases text[] NOT NULL DEFAULT '{}',
    custom_attributes jsonb NOT NULL DEFAULT '{}',
    governance_notes text,
    -- relations
    governance_agent_id uuid NOT NULL,
    -- what is served, hashed and logged
    document text NOT NULL,
    CONSTRAINT base_entity_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT base_entity_entity_type_known CHECK (
        entity_type IN ('skill', 'job_role', 'team', 'agent', 'industry')
    ),
    CONSTRAINT base_entity_status_known CHECK (
        status IN ('draft', 'under_review', 'certified', 'active', 'deprecated', 'archived')
    ),
    CONSTRAINT base_entity_name_shape CHECK (
        char_length(name) BETWEEN 1 AND 255
        AND name = btrim(name)
        AND name !~ '[\u0001-\u001f\u007f-\u009f]'
    ),
    CONSTRAINT base_entity_external_id_shape CHECK (
        char_length(external_id) BETWEEN 1 AND 255
        AND external_id = btrim(external_id)
        AND external_id !~ '[\u0001-\u001f\u007f-\u009f]'
    ),
    CONSTRAINT base_entity_description_shape CHECK (
        char_length(description) BETWEEN 1 AND 10000
    ),
    CONSTRAINT base_entity_description_present CHECK (
        description IS NOT NULL OR entity_type = 'industry'
    ),
    CONSTRAINT base_entity_governance_notes_length CHECK (
        char_length(governance_notes) <= 10000
    ),
    CONSTRAINT base_entity_aliases_bounds CHECK (
        cardinality(aliases) = 0
        OR (cardinality(aliases) <= 200 AND app.are_lines(aliases, 255))
    ),
    CONSTRAINT base_entity_custom_attributes_shape CHECK (
        jsonb_typeof(custom_attributes) = 'object'
    ),
    CONSTRAINT base_entity_custom_attributes_size CHECK (
        octet_length(custom_attributes::text) <= 32768
        OR app.compact_length(custom_attributes) <= 32768
    ),
    CONSTRAINT base_entity_custom_attributes_depth CHECK (
        NOT jsonb_path_exists(
            custom_attributes,
            'strict $.**{16 to last} ? (@.type() == "object" || @.type() == "array")'
        )
    ),
    CONSTRAINT base_entity_version_range CHECK (version >= 1),
    CONSTRAINT base_entity_version_hash_shape CHECK (octet_length(version_hash) = 32),
    CONSTRAINT base_entity_times_order CHECK (updated_at >= created_at),
    CONSTRAINT base_entity_archived_at_matches CHECK (
        (status = 'archived') = (archived_at IS NOT NULL)
    ),
    CONSTRAINT base_entity_governance_agent_fkey
        FOREIGN KEY (tenant_id, governance_agent_id)
        REFERENCES app.governance_agent (tenant_id, id)
);
COMMENT ON TABLE app.base_entity IS 'One row per entity: what all five kinds share, and the document that is served.';
COMMENT ON COLUMN app.base_entity.tenant_id IS 'identity: the tenant that owns the row';
COMMENT ON COLUMN app.base_entity.id IS 'identity: UUIDv7, so descending id is newest first';
COMMENT ON COLUMN app.base_entity.entity_type IS 'identity: the kind';
COMMENT ON COLUMN app.base_entity.external_id IS 'identity: the id the caller knows it by';
COMMENT ON COLUMN app.base_entity.name IS 'identity: the preferred name';
COMMENT ON COLUMN app.base_entity.name_key IS 'identity: NFKC, case folded; what uniqueness and prefix search compare';
COMMENT ON COLUMN app.base_entity.name_scope IS 'identity: scheme and level of an industry, within which its name is unique; NULL for other kinds';
COMMENT ON COLUMN app.base_entity.description IS 'identity: what it means';
COMMENT ON COLUMN app.base_entity.status IS 'life cycle: see app.life_cycle_step';
COMMENT ON COLUMN app.base_entity.created_at IS 'life cycle: never changes';
COMMENT ON COLUMN app.base_entity.updated_at IS 'life cycle: time of the version; strictly rises';
COMMENT ON COLUMN app.base_entity.archived_at IS 'life cycle: when it ended';
COMMENT ON COLUMN app.base_entity.private_to IS 'life cycle: while draft, the only governance agent that sees the row';
COMMENT ON COLUMN app.base_entity.version IS 'versioning: 1, 2, 3 … without gaps';
COMMENT ON COLUMN app.base_entity.version_hash IS 'versioning: hash of the log entry of this version';
COMMENT ON COLUMN app.base_entity.last_entry_id IS 'audit: id of the log entry of this version';
COMMENT ON COLUMN app.base_entity.aliases IS 'metadata: other names, in the order given';
COMMENT ON COLUMN app.base_entity.custom_attributes IS 'metadata: what the caller wants kept';
COMMENT ON COLUMN app.base_entity.governance_notes IS 'metadata: notes; operational, may change in any state but archived';
COMMENT ON COLUMN app.base_entity.governance_agent_id IS 'relations: the accountable governance agent';
COMMENT ON COLUMN app.base_entity.document IS 'alignment and serving: the exact bytes that are served, hashed and logged';

-- Partial, so that external_id counts as no key column: an UPDATE that names it would else
-- keep out, until COMMIT, whoever only refers to the row.
CREATE UNIQUE INDEX base_entity_external_id_key
ON app.base_entity (tenant_id, entity_type, external_id)
WHERE external_id IS NOT NULL;

-- A name is taken only by what is not archived. Industries repeat names from level to
-- level, hence the scope; NULLS NOT DISTINCT makes the other kinds' NULL scope one scope.
CREATE UNIQUE INDEX base_entity_name_key_key
ON app.base_entity (tenant_id, entity_type, name_scope, name_key) NULLS NOT DISTINCT
WHERE status <> 'archived';

-- The list paths. Each carries the list order (id descending, or the name). The first is
-- unique so that links can refer to an entity together with its kind.
CREATE UNIQUE INDEX base_entity_kind_key ON app.base_entity (tenant_id, entity_type, id DESC);
CREATE INDEX base_entity_status_idx
ON app.base_entity (tenant_id, entity_type, status, id DESC);
CREATE INDEX base_entity_name_idx
ON app.base_entity (tenant_id, entity_type, name_key, id DESC);
CREATE INDEX base_entity_governance_agent_idx
ON app.base_entity (tenant_id, governance_agent_id, id DESC);

CREATE TABLE app.entity_parent (
    tenant_id uuid NOT NULL,
    entity_id uuid NOT NULL,
    parent_id uuid NOT NULL,
    -- of both: a parent is of the same kind
    entity_type text NOT NULL,
    private_to uuid,
    CONSTRAINT entity_parent_pkey PRIMARY KEY (tenant_id, entity_id, parent_id),
    CONSTRAINT entity_parent_not_itself CHECK (entity_id <> parent_id),
    CONSTRAINT entity_parent_entity_fkey FOREIGN KEY (tenant_id, entity_type, entity_id)
        REFERENCES app.base_entity (tenant_id, entity_type, id)
        DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT entity_parent_parent_fkey FOREIGN KEY (tenant_id, entity_type, parent_id)
        REFERENCES app.base_entity (tenant_id, entity_type, id)
        DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON TABLE app.entity_parent IS 'Broader entities of the same kind; several parents, no cycle.';
CREATE INDEX entity_parent_parent_idx ON app.entity_parent (tenant_id, parent_id, entity_id DESC);

CREATE TABLE app.entity_tag (
    tenant_id uuid NOT NULL,
    entity_id uuid NOT NULL,
    entity_type text NOT NULL,
    tag text NOT NULL,
    private_to uuid,
    CONSTRAINT entity_tag_pkey PRIMARY KEY (tenant_id, entity_id, tag),
    CONSTRAINT entity_tag_shape CHECK (
        char_length(tag) BETWEEN 1 AND 64
        AND tag = btrim(tag)
        AND tag !~ '[\u0001-\u001f\u007f-\u009f]'
    ),
    CONSTRAINT entity_tag_entity_fkey FOREIGN KEY (tenant_id, entity_type, entity_id)
        REFERENCES app.base_entity (tenant_id, entity_type, id)
        DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON TABLE app.entity_tag IS 'Tags; operational, may change in any state but archived.';
CREATE INDEX entity_tag_tag_idx
ON app.entity_tag (tenant_id, entity_type, tag, entity_id DESC);
