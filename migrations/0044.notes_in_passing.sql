-- That a key was used is noted where its row is free, and nobody waits to note it.
-- depends: 0043.new_links
--
-- Keys in use are asked for many at a time (keys_authenticate). Whoever held the row of one of them
-- made all wait: that one statement for the lock, and who asks for another of its keys for what it
-- had noted of that one by then. A note that is left out is made with the next look-up.
GRANT CREATE ON SCHEMA app TO plant_auth;
SET LOCAL ROLE plant_auth;
CREATE OR REPLACE FUNCTION app.authenticate(p_key_hash bytea)
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
        (api_key.tenant_id, api_key.id) = (
            SELECT due.tenant_id, due.id
            FROM app.api_key AS due
            WHERE
                due.key_hash = p_key_hash
                AND due.revoked_at IS NULL
                AND (due.expires_at IS NULL OR due.expires_at > clock_timestamp())
                AND (
                    due.last_used_at IS NULL
                    OR due.last_used_at < clock_timestamp() - interval '1 minute'
                )
            FOR NO KEY UPDATE SKIP LOCKED
        );
END
$$;
CREATE OR REPLACE FUNCTION app.authenticate_token(
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
        (api_key.tenant_id, api_key.id) = (
            SELECT due.tenant_id, due.id
            FROM app.api_key AS due
            WHERE
                due.tenant_id = v_found.tenant_id
                AND due.id = v_found.key_id
                AND (
                    due.last_used_at IS NULL
                    OR due.last_used_at < clock_timestamp() - interval '1 minute'
                )
            FOR NO KEY UPDATE SKIP LOCKED
        );
    RETURN QUERY SELECT
        v_found.tenant_id, v_found.tenant_name, v_found.governance_agent_id,
        v_found.governance_agent_name, v_found.key_id, v_found.scopes, v_found.expires_at,
        v_found.last_used_at;
END
$$;
SET LOCAL ROLE plant_owner;
REVOKE CREATE ON SCHEMA app FROM plant_auth;
