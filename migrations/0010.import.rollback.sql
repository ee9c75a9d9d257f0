-- Inside DO for the linter, which does not know MAINTAIN yet.
DO $do$
BEGIN
    REVOKE MAINTAIN ON
    app.base_entity, app.entity_parent, app.entity_tag, app.skill_entity, app.industry_entity,
    app.job_role_entity, app.job_role_skill, app.team_entity, app.agent_entity, app.agent_skill
    FROM plant_writer;
END
$do$;
DROP FUNCTION app.import_analyse();
DROP FUNCTION app.import_apply(uuid, bigint, boolean);
DROP FUNCTION app.import_turns(uuid, bigint[], boolean);
DROP FUNCTION app.import_pair(uuid, bigint[], boolean);
DROP FUNCTION app.import_halves(uuid, bigint[], bigint[], boolean);
DROP FUNCTION app.import_try(uuid, bigint[], boolean);
DROP FUNCTION app.import_problem(text, text, text, text, text);
DROP FUNCTION app.import_amend(text, uuid[], jsonb[], text);
DROP FUNCTION app.import_write(uuid, text, bigint[], boolean);
DROP FUNCTION app.differs(jsonb, jsonb);
DROP TYPE app.import_outcome;
DROP FUNCTION app.import_arrange(uuid, boolean);
DROP FUNCTION app.import_families(uuid);
DROP FUNCTION app.import_parent(uuid, boolean);
DROP FUNCTION app.referenced_external_ids(jsonb);
DROP FUNCTION app.import_end(uuid);
DROP FUNCTION app.import_begin(uuid);
DROP FUNCTION app.import_lock(uuid);
DROP FUNCTION app.import_stage(uuid, jsonb);
DROP TABLE app.import_line;
