-- Roles stay where other databases of the cluster still use them.
DROP TABLE app.secret;
DROP TABLE app.idempotency;
DROP TABLE app.api_key;
DROP TABLE app.governance_agent;
DROP TABLE app.tenant;
DROP FUNCTION app.certifier_key_id();
DROP FUNCTION app.key_id();
DROP FUNCTION app.governance_agent_id();
DROP FUNCTION app.tenant_id();
DROP SCHEMA q CASCADE;
DROP SCHEMA audit;
DROP SCHEMA app;
ALTER DEFAULT PRIVILEGES FOR ROLE plant_owner GRANT EXECUTE ON FUNCTIONS TO PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE plant_owner GRANT USAGE ON TYPES TO PUBLIC;
DO $do$
DECLARE
    v_role text;
BEGIN
    FOREACH v_role IN ARRAY ARRAY[
        'plant_audit', 'plant_rules', 'plant_auth', 'plant_writer',
        'plant_readonly', 'plant_worker', 'plant_app'
    ]
    LOOP
        BEGIN
            EXECUTE format('DROP ROLE %I', v_role);
        EXCEPTION
            -- Another database uses it, or somebody else made it.
            WHEN dependent_objects_still_exist OR insufficient_privilege THEN NULL;
        END;
    END LOOP;
END
$do$;
