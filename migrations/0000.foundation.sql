-- Roles, schemas, tenants, governance agents, keys, idempotency, shared secrets.
-- Runs as plant_owner (CREATEROLE, owner of the schemas). Roles belong to the
-- cluster: where another database has made them already they are used as they are.

DO $do$
DECLARE
    v_role text;
BEGIN
    FOREACH v_role IN ARRAY ARRAY[
        'plant_app', 'plant_worker', 'plant_readonly',
        'plant_writer', 'plant_auth', 'plant_rules', 'plant_audit'
    ]
    LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = v_role) THEN
            EXECUTE format(
                'CREATE ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT %s', v_role,
                CASE
                    WHEN v_role IN ('plant_app', 'plant_worker', 'plant_readonly') THEN 'LOGIN'
                    ELSE 'NOLOGIN'
                END);
        END IF;
        -- A role that another hand made with more rights would make every policy void.
        IF EXISTS (
            SELECT FROM pg_catalog.pg_roles
            WHERE rolname = v_role AND (rolsuper OR rolbypassrls OR rolcreaterole)
        ) THEN
            RAISE EXCEPTION 'The role % may do more than row security can hold.', v_role
                USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = format('ALTER ROLE %I NOSUPERUSER NOBYPASSRLS NOCREATEROLE;', v_role);
        END IF;
        -- SET lets the owner hand functions to these roles; without INHERIT none of
        -- their policies applies to the owner itself.
        IF NOT pg_catalog.pg_has_role('plant_owner', v_role, 'SET')
            AND v_role IN ('plant_writer', 'plant_auth', 'plant_rules', 'plant_audit')
        THEN
            EXECUTE format('GRANT %I TO plant_owner WITH SET TRUE, INHERIT FALSE', v_role);
        END IF;
    END LOOP;
END
$do$;

-- Nothing that the owner makes is open to PUBLIC unless a line says so.
ALTER DEFAULT PRIVILEGES FOR ROLE plant_owner REVOKE ALL ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE plant_owner REVOKE ALL ON TYPES FROM PUBLIC;

CREATE SCHEMA app AUTHORIZATION plant_owner;
CREATE SCHEMA audit AUTHORIZATION plant_owner;
CREATE SCHEMA q AUTHORIZATION plant_owner;
COMMENT ON SCHEMA app IS 'Current state: entities, links, tenants, keys.';
COMMENT ON SCHEMA audit IS 'History: one entry per change, append-only.';
COMMENT ON SCHEMA q IS 'One generated function per statement file.';

GRANT USAGE ON SCHEMA app
    TO plant_app, plant_worker, plant_readonly, plant_writer, plant_auth, plant_rules, plant_audit;
GRANT USAGE ON SCHEMA audit
    TO plant_app, plant_worker, plant_readonly, plant_rules, plant_audit;
GRANT USAGE ON SCHEMA q TO plant_app, plant_worker, plant_readonly;

-- The request context. Always transaction-local, set in the same round trip as the
-- statement it protects. After COMMIT a setting reads '' rather than NULL: nullif.
CREATE FUNCTION app.tenant_id() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('app.tenant_id', TRUE), '')::uuid;

CREATE FUNCTION app.governance_agent_id() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('app.governance_agent_id', TRUE), '')::uuid;

CREATE FUNCTION app.key_id() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('app.key_id', TRUE), '')::uuid;

CREATE FUNCTION app.certifier_key_id() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('app.certifier_key_id', TRUE), '')::uuid;

COMMENT ON FUNCTION app.tenant_id() IS 'Tenant of this transaction; NULL (no row visible) when unset.';
COMMENT ON FUNCTION app.governance_agent_id() IS 'Governance agent of this transaction, NULL when unset.';
COMMENT ON FUNCTION app.key_id() IS 'Key this transaction acts with, NULL when unset.';
COMMENT ON FUNCTION app.certifier_key_id() IS 'Second key of an import as active, NULL otherwise.';

GRANT EXECUTE ON FUNCTION
    app.tenant_id(), app.governance_agent_id(), app.key_id(), app.certifier_key_id()
    TO plant_app, plant_worker, plant_readonly, plant_writer, plant_auth, plant_rules, plant_audit;

CREATE TABLE app.tenant (
    tenant_id uuid NOT NULL DEFAULT uuidv7(),
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT tenant_pkey PRIMARY KEY (tenant_id),
    CONSTRAINT tenant_name_key UNIQUE (name),
    CONSTRAINT tenant_name_shape CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$')
);
COMMENT ON TABLE app.tenant IS 'One customer of the registry; every other row belongs to one.';

CREATE TABLE app.governance_agent (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT uuidv7(),
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT governance_agent_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT governance_agent_name_key UNIQUE (tenant_id, name),
    CONSTRAINT governance_agent_name_shape
        CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'),
    CONSTRAINT governance_agent_tenant_fkey
        FOREIGN KEY (tenant_id) REFERENCES app.tenant (tenant_id)
);
COMMENT ON TABLE app.governance_agent IS 'Who is accountable: owner of keys and drafts (not the kind "agent").';

CREATE TABLE app.api_key (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT uuidv7(),
    governance_agent_id uuid NOT NULL,
    key_hash bytea NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    CONSTRAINT api_key_pkey PRIMARY KEY (tenant_id, id),
    CONSTRAINT api_key_hash_shape CHECK (octet_length(key_hash) = 32),
    CONSTRAINT api_key_scopes_known CHECK (
        scopes <@ ARRAY['read', 'write', 'certify', 'audit', 'admin']
        AND cardinality(scopes) > 0
    ),
    CONSTRAINT api_key_governance_agent_fkey FOREIGN KEY (tenant_id, governance_agent_id)
        REFERENCES app.governance_agent (tenant_id, id)
);
COMMENT ON TABLE app.api_key IS 'Keys; only sha256 of the key is stored.';
-- Not unique on purpose: a unique constraint would have to start with tenant_id, and
-- the tenant is what this index finds. 256 random bits do not collide.
CREATE INDEX api_key_hash_idx ON app.api_key (key_hash);
CREATE INDEX api_key_governance_agent_idx ON app.api_key (tenant_id, governance_agent_id);

CREATE TABLE app.idempotency (
    tenant_id uuid NOT NULL,
    governance_agent_id uuid NOT NULL,
    method text NOT NULL,
    path text NOT NULL,
    key text NOT NULL,
    request_hash bytea NOT NULL,
    status smallint NOT NULL,
    audit_ids uuid[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT idempotency_pkey
        PRIMARY KEY (tenant_id, governance_agent_id, method, path, key),
    CONSTRAINT idempotency_key_length CHECK (char_length(key) BETWEEN 1 AND 255),
    CONSTRAINT idempotency_method_known CHECK (method IN ('POST', 'PUT', 'PATCH')),
    CONSTRAINT idempotency_request_hash_shape CHECK (octet_length(request_hash) = 32),
    CONSTRAINT idempotency_status_range CHECK (status BETWEEN 200 AND 299),
    CONSTRAINT idempotency_governance_agent_fkey
        FOREIGN KEY (tenant_id, governance_agent_id)
        REFERENCES app.governance_agent (tenant_id, id)
);
COMMENT ON TABLE app.idempotency IS 'Remembered answers of repeated requests; emptied in batches after 24 hours.';
CREATE INDEX idempotency_created_at_idx ON app.idempotency USING brin (created_at);

CREATE TABLE app.secret (
    name text NOT NULL,
    value bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT secret_pkey PRIMARY KEY (name)
);
COMMENT ON TABLE app.secret IS 'What instances share: the key that signs cursors.';

INSERT INTO app.secret (name, value)
VALUES ('cursor', sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())));
