-- Vectors: the caller's own, kept as given, and the table that is searched.
-- depends: 0003.kinds

-- Zero has no direction: its distance to anything is not a number.
ALTER TABLE app.skill_entity ADD COLUMN embedding_384 public.vector(384)
CONSTRAINT skill_entity_embedding_384_not_zero CHECK (public.vector_norm(embedding_384) > 0);
ALTER TABLE app.industry_entity ADD COLUMN embedding_384 public.vector(384)
CONSTRAINT industry_entity_embedding_384_not_zero CHECK (public.vector_norm(embedding_384) > 0);
COMMENT ON COLUMN app.skill_entity.embedding_384 IS 'The caller''s vector as given; never searched, see app.entity_label.';
COMMENT ON COLUMN app.industry_entity.embedding_384 IS 'The caller''s vector as given; never searched, see app.entity_label.';

-- No indexed vector stands in a row that users edit: with an HNSW index on it a status
-- change costs about 120 times more. LIST by tenant, so that a large tenant can be
-- moved into a partition of its own.
CREATE TABLE app.entity_label (
    tenant_id uuid NOT NULL,
    entity_id uuid NOT NULL,
    label_no integer NOT NULL,
    entity_type text NOT NULL,
    source text NOT NULL,
    label text NOT NULL,
    text_sha256 bytea NOT NULL,
    embedder text NOT NULL,
    embedding_384 public.vector(384) NOT NULL,
    lexical_384 public.vector(384) NOT NULL,
    private_to uuid,
    CONSTRAINT entity_label_pkey PRIMARY KEY (tenant_id, entity_id, label_no),
    CONSTRAINT entity_label_source_known CHECK (
        source IN ('name', 'description', 'alias', 'caller')
    ),
    CONSTRAINT entity_label_unit_length CHECK (
        public.vector_norm(embedding_384) BETWEEN 0.999 AND 1.001
    ),
    CONSTRAINT entity_label_text_sha256_shape CHECK (octet_length(text_sha256) = 32),
    CONSTRAINT entity_label_entity_fkey FOREIGN KEY (tenant_id, entity_id)
        REFERENCES app.base_entity (tenant_id, id)
) PARTITION BY LIST (tenant_id);
COMMENT ON TABLE app.entity_label IS 'One row per name, description and alias, with its vectors.';
CREATE TABLE app.entity_label_default PARTITION OF app.entity_label DEFAULT;
COMMENT ON TABLE app.entity_label_default IS 'Labels of every tenant without a partition of its own.';
-- The half-precision cast halves the index; queries must spell it the same way.
CREATE INDEX entity_label_embedding_hnsw ON app.entity_label
USING hnsw ((embedding_384::public.halfvec(384)) public.halfvec_cosine_ops);
CREATE INDEX entity_label_lexical_hnsw ON app.entity_label
USING hnsw ((lexical_384::public.halfvec(384)) public.halfvec_cosine_ops);
