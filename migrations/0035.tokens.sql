-- A governance agent may be known by tokens of an issuer as well as by keys of its own.
-- depends: 0034.batch
--
-- Such a row stands for all tokens that name the tenant and the governance agent and carry at
-- least its scopes. So what a token may do is what a row says, which the triggers read; of
-- several rows the one with the most scopes counts. Its hash is that of nothing.

ALTER TABLE app.api_key ADD COLUMN issuer text
CONSTRAINT api_key_issuer_length CHECK (length(issuer) BETWEEN 1 AND 1024);
-- As for texts (0019): estimates would tell whom other tenants trust.
ALTER TABLE app.api_key ALTER COLUMN issuer SET STATISTICS 0;
COMMENT ON COLUMN app.api_key.issuer IS 'Whose tokens this row stands for; NULL for a key.';

CREATE FUNCTION app.authenticate_token(
    p_issuer text, p_tenant text, p_governance_agent text, p_scopes text[]
)
RETURNS TABLE (
    tenant_id uuid, tenant_name text, governance_agent_id uuid, governance_agent_name text,
    key_id uuid, scopes text[], expires_at timestamptz, last_used_at timestamptz
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_found record;
BEGIN
    SELECT
        api_key.tenant_id, tenant.name AS tenant_name, api_key.governance_agent_id,
        governance_agent.name AS governance_agent_name, api_key.id AS key_id, api_key.scopes,
        api_key.expires_at, api_key.last_used_at
    INTO v_found
    FROM app.tenant
    INNER JOIN app.governance_agent
        ON
            governance_agent.tenant_id = tenant.tenant_id
            AND governance_agent.name = p_governance_agent
    INNER JOIN app.api_key
        ON
            api_key.tenant_id = governance_agent.tenant_id
            AND api_key.governance_agent_id = governance_agent.id
    WHERE
        tenant.name = p_tenant
        AND api_key.issuer = p_issuer
        AND api_key.scopes <@ p_scopes
        AND api_key.revoked_at IS NULL
        AND (api_key.expires_at IS NULL OR api_key.expires_at > clock_timestamp())
    ORDER BY cardinality(api_key.scopes) DESC, api_key.id DESC
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- To the minute, so that a busy row is no hot row.
    UPDATE app.api_key SET last_used_at = clock_timestamp()
    WHERE
        api_key.tenant_id = v_found.tenant_id
        AND api_key.id = v_found.key_id
        AND (
            api_key.last_used_at IS NULL
            OR api_key.last_used_at < clock_timestamp() - interval '1 minute'
        );
    RETURN QUERY SELECT
        v_found.tenant_id, v_found.tenant_name, v_found.governance_agent_id,
        v_found.governance_agent_name, v_found.key_id, v_found.scopes, v_found.expires_at,
        v_found.last_used_at;
END
$$;
COMMENT ON FUNCTION app.authenticate_token(text, text, text, text[])
IS 'The identity that a token of an issuer stands for; no row where none with so few scopes works.';
GRANT EXECUTE ON FUNCTION app.authenticate_token(text, text, text, text[]) TO plant_app;
GRANT CREATE ON SCHEMA app TO plant_auth;
ALTER FUNCTION app.authenticate_token(text, text, text, text[]) OWNER TO plant_auth;
REVOKE CREATE ON SCHEMA app FROM plant_auth;
