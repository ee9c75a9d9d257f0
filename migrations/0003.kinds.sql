-- Job roles, teams, agents, industries, and the links between them.
-- depends: 0002.skill

CREATE TABLE app.industry_entity (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    scheme text,
    code text,
    level smallint,
    private_to uuid,
    CONSTRAINT industry_entity_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT industry_entity_code_key UNIQUE (tenant_id, scheme, code),
    CONSTRAINT industry_entity_classified_whole CHECK (
        num_nulls(scheme, code, level) IN (0, 3)
    ),
    CONSTRAINT industry_entity_scheme_shape CHECK (
        char_length(scheme) BETWEEN 1 AND 64
        AND scheme = btrim(scheme)
        AND scheme !~ '[\u0001-\u001f\u007f-\u009f]'
    ),
    CONSTRAINT industry_entity_code_shape CHECK (
        char_length(code) BETWEEN 1 AND 64
        AND code = btrim(code)
        AND code !~ '[\u0001-\u001f\u007f-\u009f]'
    ),
    CONSTRAINT industry_entity_level_range CHECK (level BETWEEN 1 AND 99),
    CONSTRAINT industry_entity_base_fkey FOREIGN KEY (tenant_id, id)
        REFERENCES app.base_entity (tenant_id, id) DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON TABLE app.industry_entity IS 'What an industry adds to app.base_entity.';
CREATE INDEX industry_entity_scheme_idx ON app.industry_entity (tenant_id, scheme, id DESC);

CREATE TABLE app.job_role_entity (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    seniority_level text,
    industry_id uuid,
    private_to uuid,
    CONSTRAINT job_role_entity_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT job_role_entity_seniority_level_known CHECK (
        seniority_level IN ('junior', 'mid', 'senior')
    ),
    CONSTRAINT job_role_entity_base_fkey FOREIGN KEY (tenant_id, id)
        REFERENCES app.base_entity (tenant_id, id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT job_role_entity_industry_fkey FOREIGN KEY (tenant_id, industry_id)
        REFERENCES app.industry_entity (tenant_id, id) DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON TABLE app.job_role_entity IS 'What a job role adds to app.base_entity.';
CREATE INDEX job_role_entity_seniority_level_idx
ON app.job_role_entity (tenant_id, seniority_level, id DESC);
CREATE INDEX job_role_entity_industry_idx
ON app.job_role_entity (tenant_id, industry_id, id DESC);

CREATE TABLE app.team_entity (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    job_role_id uuid NOT NULL,
    industry_id uuid NOT NULL,
    private_to uuid,
    CONSTRAINT team_entity_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT team_entity_base_fkey FOREIGN KEY (tenant_id, id)
        REFERENCES app.base_entity (tenant_id, id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT team_entity_job_role_fkey FOREIGN KEY (tenant_id, job_role_id)
        REFERENCES app.job_role_entity (tenant_id, id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT team_entity_industry_fkey FOREIGN KEY (tenant_id, industry_id)
        REFERENCES app.industry_entity (tenant_id, id) DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON TABLE app.team_entity IS 'What a team adds to app.base_entity; its members are agents.';
CREATE INDEX team_entity_job_role_idx ON app.team_entity (tenant_id, job_role_id, id DESC);
CREATE INDEX team_entity_industry_idx ON app.team_entity (tenant_id, industry_id, id DESC);

CREATE TABLE app.agent_entity (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    job_role_id uuid NOT NULL,
    industry_id uuid NOT NULL,
    team_id uuid,
    private_to uuid,
    CONSTRAINT agent_entity_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT agent_entity_base_fkey FOREIGN KEY (tenant_id, id)
        REFERENCES app.base_entity (tenant_id, id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT agent_entity_job_role_fkey FOREIGN KEY (tenant_id, job_role_id)
        REFERENCES app.job_role_entity (tenant_id, id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT agent_entity_industry_fkey FOREIGN KEY (tenant_id, industry_id)
        REFERENCES app.industry_entity (tenant_id, id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT agent_entity_team_fkey FOREIGN KEY (tenant_id, team_id)
        REFERENCES app.team_entity (tenant_id, id) DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON TABLE app.agent_entity IS 'What an agent adds to app.base_entity; its industry never changes.';
CREATE INDEX agent_entity_job_role_idx ON app.agent_entity (tenant_id, job_role_id, id DESC);
CREATE INDEX agent_entity_industry_idx ON app.agent_entity (tenant_id, industry_id, id DESC);
CREATE INDEX agent_entity_team_idx ON app.agent_entity (tenant_id, team_id, id DESC);

CREATE TABLE app.job_role_skill (
    tenant_id uuid NOT NULL,
    job_role_id uuid NOT NULL,
    skill_id uuid NOT NULL,
    relation text NOT NULL,
    private_to uuid,
    CONSTRAINT job_role_skill_pkey PRIMARY KEY (tenant_id, job_role_id, skill_id),
    CONSTRAINT job_role_skill_relation_known CHECK (relation IN ('essential', 'optional')),
    CONSTRAINT job_role_skill_job_role_fkey FOREIGN KEY (tenant_id, job_role_id)
        REFERENCES app.job_role_entity (tenant_id, id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT job_role_skill_skill_fkey FOREIGN KEY (tenant_id, skill_id)
        REFERENCES app.skill_entity (tenant_id, id) DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON TABLE app.job_role_skill IS 'Skills a job role needs; one relation per pair.';
CREATE INDEX job_role_skill_skill_idx
ON app.job_role_skill (tenant_id, skill_id, job_role_id DESC);

CREATE TABLE app.agent_skill (
    tenant_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    skill_id uuid NOT NULL,
    private_to uuid,
    CONSTRAINT agent_skill_pkey PRIMARY KEY (tenant_id, agent_id, skill_id),
    CONSTRAINT agent_skill_agent_fkey FOREIGN KEY (tenant_id, agent_id)
        REFERENCES app.agent_entity (tenant_id, id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT agent_skill_skill_fkey FOREIGN KEY (tenant_id, skill_id)
        REFERENCES app.skill_entity (tenant_id, id) DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON TABLE app.agent_skill IS 'Skills an agent has.';
CREATE INDEX agent_skill_skill_idx ON app.agent_skill (tenant_id, skill_id, agent_id DESC);
