-- Skills: what the kind adds to the base.
-- depends: 0001.base_entity

CREATE TABLE app.skill_entity (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    category text NOT NULL,
    private_to uuid,
    CONSTRAINT skill_entity_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT skill_entity_category_known CHECK (
        category IN ('technical', 'soft_skill', 'domain_expertise', 'certification')
    ),
    -- Deferred, because the base row comes last: its trigger renders what stands here.
    CONSTRAINT skill_entity_base_fkey FOREIGN KEY (tenant_id, id)
        REFERENCES app.base_entity (tenant_id, id) DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON TABLE app.skill_entity IS 'What a skill adds to app.base_entity.';
CREATE INDEX skill_entity_category_idx ON app.skill_entity (tenant_id, category, id DESC);
