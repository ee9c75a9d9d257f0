-- name: l0_03 :many
-- L0-03: the append-only triggers stand and are enabled (ALWAYS).
--
-- param: $1 id uuid
-- returns: message text, entity_id uuid
-- raises: -
-- isolation: repeatable read
-- call: function
-- role: app
SELECT
    'The trigger ' || expected.name || ' on ' || expected.relation
    || CASE WHEN pg_trigger.oid IS NULL THEN ' is gone.' ELSE ' is not enabled ALWAYS.' END
        AS message,
    NULL::uuid AS entity_id
FROM (
    VALUES
    ('app.base_entity', 'base_entity_10_guard'),
    ('app.base_entity', 'base_entity_90_log'),
    ('app.base_entity', 'base_entity_append_only'),
    ('app.amendment', 'amendment_10_guard'),
    ('app.amendment', 'amendment_90_log'),
    ('app.amendment', 'amendment_append_only'),
    ('app.skill_entity', 'skill_entity_append_only'),
    ('app.job_role_entity', 'job_role_entity_append_only'),
    ('app.team_entity', 'team_entity_append_only'),
    ('app.agent_entity', 'agent_entity_append_only'),
    ('app.industry_entity', 'industry_entity_append_only'),
    ('app.entity_parent', 'entity_parent_no_truncate'),
    ('app.entity_tag', 'entity_tag_no_truncate'),
    ('app.job_role_skill', 'job_role_skill_no_truncate'),
    ('app.agent_skill', 'agent_skill_no_truncate'),
    ('audit.entry', 'entry_append_only'),
    ('audit.payload', 'payload_append_only'),
    ('audit.pending', 'pending_append_only')
) AS expected (relation, name)
LEFT OUTER JOIN pg_catalog.pg_trigger
    ON
        pg_trigger.tgrelid = to_regclass(expected.relation)
        AND expected.name = pg_trigger.tgname
WHERE
    pg_trigger.tgenabled IS DISTINCT FROM 'A'
    -- Of whichever entity it is asked, the answer is of all.
    AND EXISTS (
        SELECT FROM app.base_entity
        WHERE base_entity.id = $1
    )
ORDER BY expected.relation ASC, expected.name ASC
LIMIT 100;
