"""What somebody with an owner's or a superuser's address can do to the rules, and its name."""

NOTHING = "AS $$ BEGIN RETURN coalesce(new, old); END $$"
PATH = "SET search_path TO 'pg_catalog', 'pg_temp'"
TRIGGER = f"RETURNS trigger LANGUAGE plpgsql {PATH}"
AS_RULES = (
    "GRANT CREATE ON SCHEMA app TO plant_rules; SET ROLE plant_rules; {}; RESET ROLE;"
    "REVOKE CREATE ON SCHEMA app FROM plant_rules"
)
ERASE = "app.entity_erase(text,uuid)"
GUARD = "app.base_entity_guard()"
AUTHOR = "app.require_other_author(uuid,uuid,uuid,uuid)"
ARGUMENTS = "p_tenant_id uuid, p_id uuid, p_certifier uuid, p_writer uuid"
AGENT = "base_entity_governance_agent_fkey"
STEP = "'draft', 'active', 'activate', 'write'"
OTHER_AUTHOR = f"""
CREATE OR REPLACE FUNCTION app.require_other_author({ARGUMENTS}) RETURNS void
LANGUAGE plpgsql {PATH} AS $$ BEGIN END $$
"""

# As plant_owner, nothing switched off but by the statement; each with all that has to be named.
BY_OWNER: list[tuple[str, ...]] = [
    (
        f"CREATE OR REPLACE FUNCTION audit.refuse_change() {TRIGGER} {NOTHING}",
        "function audit.refuse_change()",
    ),
    (
        AS_RULES.format(
            f"CREATE OR REPLACE FUNCTION {GUARD} {TRIGGER} SECURITY DEFINER"
            f" SET enable_seqscan TO 'off' {NOTHING}"
        ),
        f"function {GUARD}",
    ),
    (
        OTHER_AUTHOR,
        f"function {AUTHOR}",
    ),
    (
        AS_RULES.format(f"ALTER FUNCTION {ERASE} RESET search_path"),
        f"function {ERASE}",
    ),
    (f"ALTER FUNCTION {AUTHOR} SECURITY DEFINER", f"function {AUTHOR}"),
    (f"ALTER FUNCTION {AUTHOR} IMMUTABLE", f"function {AUTHOR}"),
    (
        f"GRANT EXECUTE ON FUNCTION {AUTHOR} TO PUBLIC",
        f"privileges of PUBLIC on function {AUTHOR}",
    ),
    (
        "CREATE FUNCTION app.planted() RETURNS integer LANGUAGE sql RETURN 1",
        "function app.planted()",
    ),
    (
        "CREATE PROCEDURE q.planted() LANGUAGE sql AS ''",
        "planted",
        "procedure q.planted()",
    ),
    (
        "CREATE AGGREGATE app.planted(integer) (SFUNC = int4pl, STYPE = integer)",
        "aggregate app.planted(integer)",
    ),
    (
        "CREATE POLICY leak ON app.base_entity FOR SELECT TO plant_app USING (TRUE)",
        "policy leak on app.base_entity",
    ),
    (
        "ALTER POLICY base_entity_read ON app.base_entity USING (TRUE)",
        "policy base_entity_read on app.base_entity",
    ),
    (
        "ALTER POLICY base_entity_read ON app.base_entity TO PUBLIC",
        "policy base_entity_read on app.base_entity",
    ),
    (
        "DROP POLICY base_entity_read ON app.base_entity",
        "policy base_entity_read on app.base_entity",
    ),
    (
        "ALTER TABLE app.skill_entity NO FORCE ROW LEVEL SECURITY",
        "row security of app.skill_entity",
    ),
    (
        "ALTER TABLE app.skill_entity DISABLE ROW LEVEL SECURITY",
        "row security of app.skill_entity",
    ),
    ("GRANT SELECT ON app.api_key TO PUBLIC", "privileges of PUBLIC on table app.api_key"),
    (
        "GRANT SELECT (key_hash) ON app.api_key TO plant_readonly",
        "privileges of plant_readonly on column key_hash of app.api_key",
    ),
    ("GRANT DELETE ON audit.entry TO plant_app", "privileges of plant_app on table audit.entry"),
    (
        "GRANT SELECT ON app.base_entity TO plant_app WITH GRANT OPTION",
        "privileges of plant_app on table app.base_entity",
    ),
    (
        "REVOKE INSERT ON audit.entry FROM plant_owner",
        "privileges of plant_owner on table audit.entry",
    ),
    ("GRANT CREATE ON SCHEMA q TO plant_app", "privileges of plant_app on schema q"),
    (
        "GRANT USAGE ON SCHEMA plant_migrate TO PUBLIC",
        "privileges of PUBLIC on schema plant_migrate",
    ),
    (
        "GRANT SELECT ON plant_migrate.yoyo_lock TO plant_app",
        "privileges of plant_app on table plant_migrate.yoyo_lock",
    ),
    ("GRANT USAGE ON TYPE app.answer TO PUBLIC", "privileges of PUBLIC on type app.answer"),
    (
        "GRANT USAGE ON SEQUENCE audit.pending_seq_seq TO plant_app",
        "privileges of plant_app on sequence audit.pending_seq_seq",
    ),
    (
        "GRANT SELECT ON app.wanted_label TO PUBLIC",
        "privileges of PUBLIC on view app.wanted_label",
    ),
    (
        "ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO PUBLIC",
        "default privileges of plant_owner for tables in app",
    ),
    (
        "ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC",
        "default privileges of plant_owner for functions",
    ),
    ("ALTER TABLE app.idempotency SET UNLOGGED", "table app.idempotency"),
    ("ALTER TABLE app.secret SET (fillfactor = 50)", "table app.secret"),
    ("ALTER TABLE app.secret SET (toast.autovacuum_enabled = off)", "table app.secret"),
    ("CREATE TABLE app.planted (id integer PRIMARY KEY)", "table app.planted"),
    ("CREATE TABLE plant_own.planted () INHERITS (audit.entry)", "table plant_own.planted"),
    ("DROP TABLE app.idempotency CASCADE", "table app.idempotency"),
    ("CREATE VIEW app.leak AS SELECT * FROM app.api_key", "view app.leak"),
    ("ALTER VIEW app.wanted_label RESET (security_invoker)", "view app.wanted_label"),
    ("CREATE MATERIALIZED VIEW q.planted AS SELECT 1 AS a", "materialized view q.planted"),
    (
        "DROP INDEX app.base_entity_name_key_key",
        "index app.base_entity_name_key_key on app.base_entity",
    ),
    (
        "CREATE INDEX planted ON app.tenant (created_at)",
        "index app.planted on app.tenant",
    ),
    (
        "ALTER TABLE app.base_entity DROP CONSTRAINT base_entity_governance_agent_fkey",
        "constraint base_entity_governance_agent_fkey of app.base_entity",
    ),
    (
        f"ALTER TABLE app.base_entity ALTER CONSTRAINT {AGENT} NOT ENFORCED",
        "constraint base_entity_governance_agent_fkey of app.base_entity",
    ),
    (
        "ALTER TABLE app.tenant ADD CONSTRAINT planted CHECK (name <> 'x') NOT VALID",
        "constraint planted of app.tenant",
    ),
    ("ALTER TABLE app.tenant ADD COLUMN planted integer", "column planted of app.tenant"),
    ("ALTER TABLE app.tenant ALTER COLUMN name DROP NOT NULL", "column name of app.tenant"),
    (
        "ALTER TABLE app.tenant ALTER COLUMN tenant_id DROP DEFAULT",
        "column tenant_id of app.tenant",
    ),
    ("ALTER TABLE app.tenant ALTER COLUMN name SET STATISTICS 100", "column name of app.tenant"),
    (
        "ALTER TABLE audit.pending ALTER COLUMN seq SET GENERATED BY DEFAULT",
        "column seq of audit.pending",
    ),
    (
        "ALTER TABLE audit.entry DISABLE TRIGGER entry_append_only",
        "trigger entry_append_only on audit.entry",
    ),
    (
        "ALTER TABLE audit.entry ENABLE TRIGGER entry_append_only",
        "trigger entry_append_only on audit.entry",
    ),
    (
        "DROP TRIGGER entry_append_only ON audit.entry",
        "trigger entry_append_only on audit.entry",
    ),
    (
        "CREATE TRIGGER planted BEFORE DELETE ON app.tenant EXECUTE FUNCTION audit.refuse_change()",
        "trigger planted on app.tenant",
    ),
    (
        "CREATE RULE planted AS ON DELETE TO app.tenant DO INSTEAD NOTHING",
        "rule planted on app.tenant",
    ),
    ("ALTER TYPE app.answer ADD ATTRIBUTE planted integer", "column planted of app.answer"),
    ("CREATE TYPE app.planted AS ENUM ('a')", "type app.planted"),
    ("CREATE DOMAIN q.planted AS text CHECK (VALUE <> '')", "type q.planted"),
    ("CREATE SEQUENCE q.planted", "sequence q.planted"),
    ("ALTER SEQUENCE audit.pending_seq_seq INCREMENT BY 2", "sequence audit.pending_seq_seq"),
    (
        "CREATE STATISTICS app.planted ON tenant_id, name FROM app.tenant",
        "statistics app.planted",
    ),
    ('CREATE COLLATION app.planted FROM "C"', "collation app.planted"),
    (
        "CREATE OPERATOR app.= (FUNCTION = texteq, LEFTARG = text, RIGHTARG = text)",
        "operator app.=(pg_catalog.text,pg_catalog.text)",
    ),
    (
        f"INSERT INTO app.life_cycle_step VALUES ({STEP})",
        "row (draft,active,activate,write,) of app.life_cycle_step",
    ),
    (
        "DELETE FROM app.amendment_step WHERE to_status = 'rejected'",
        "row (under_review,rejected,reject,certify,) of app.amendment_step",
    ),
]

BY_SUPERUSER: list[tuple[str, ...]] = [
    (f"ALTER FUNCTION {GUARD} OWNER TO CURRENT_USER", f"function {GUARD}"),
    ("ALTER TABLE app.secret OWNER TO plant_writer", "table app.secret"),
    ("ALTER SCHEMA q OWNER TO plant_writer", "schema q"),
    ("ALTER VIEW app.wanted_label OWNER TO plant_rules", "view app.wanted_label"),
    ("ALTER TYPE app.answer OWNER TO plant_rules", "type app.answer"),
    (
        "ALTER TABLE app.governance_agent DISABLE TRIGGER ALL",
        "constraint base_entity_governance_agent_fkey of app.base_entity",
    ),
]
