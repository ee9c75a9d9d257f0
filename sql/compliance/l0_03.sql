-- name: l0_03 :many
-- L0-03: the append-only triggers stand and are enabled (ALWAYS).
-- Stand: the same function at the same events, for every row and column. What the functions
-- themselves hold is asked by `plant migrate verify`.
--
-- param: $1 id uuid
-- returns: message text, entity_id uuid
-- raises: -
-- isolation: repeatable read
-- call: function
-- role: app
SELECT
    'The trigger ' || expected.name || ' on ' || expected.relation || CASE
        WHEN pg_trigger.oid IS NULL THEN ' is gone.'
        WHEN pg_trigger.tgenabled <> 'A' THEN ' is not enabled ALWAYS.'
        ELSE ' is another one.'
    END AS message,
    NULL::uuid AS entity_id
FROM (
    -- tgtype adds up ROW 1, BEFORE 2, INSERT 4, DELETE 8, UPDATE 16, TRUNCATE 32.
    VALUES
    ('app.base_entity', 'base_entity_10_guard', 'app.base_entity_guard()', 23),
    ('app.base_entity', 'base_entity_90_log', 'audit.base_entity_log()', 23),
    ('app.base_entity', 'base_entity_append_only', 'audit.refuse_change()', 42),
    ('app.amendment', 'amendment_10_guard', 'app.amendment_guard()', 23),
    ('app.amendment', 'amendment_90_log', 'audit.amendment_log()', 23),
    ('app.amendment', 'amendment_append_only', 'audit.refuse_change()', 42),
    ('app.skill_entity', 'skill_entity_append_only', 'audit.refuse_change()', 42),
    ('app.job_role_entity', 'job_role_entity_append_only', 'audit.refuse_change()', 42),
    ('app.team_entity', 'team_entity_append_only', 'audit.refuse_change()', 42),
    ('app.agent_entity', 'agent_entity_append_only', 'audit.refuse_change()', 42),
    ('app.industry_entity', 'industry_entity_append_only', 'audit.refuse_change()', 42),
    ('app.entity_parent', 'entity_parent_no_truncate', 'audit.refuse_change()', 34),
    ('app.entity_tag', 'entity_tag_no_truncate', 'audit.refuse_change()', 34),
    ('app.job_role_skill', 'job_role_skill_no_truncate', 'audit.refuse_change()', 34),
    ('app.agent_skill', 'agent_skill_no_truncate', 'audit.refuse_change()', 34),
    ('audit.entry', 'entry_append_only', 'audit.refuse_change()', 58),
    ('audit.payload', 'payload_append_only', 'audit.refuse_change()', 58),
    ('audit.pending', 'pending_append_only', 'audit.refuse_change()', 50)
) AS expected (relation, name, function, type)
LEFT OUTER JOIN pg_catalog.pg_trigger
    ON
        pg_trigger.tgrelid = to_regclass(expected.relation)
        AND expected.name = pg_trigger.tgname
WHERE
    (
        pg_trigger.tgenabled = 'A'
        AND pg_trigger.tgfoid = to_regprocedure(expected.function)
        AND pg_trigger.tgtype = expected.type
        AND pg_trigger.tgqual IS NULL
        AND cardinality(pg_trigger.tgattr::smallint[]) = 0
    ) IS NOT TRUE
    -- Of whichever entity it is asked, the answer is of all.
    AND EXISTS (
        SELECT FROM app.base_entity
        WHERE base_entity.id = $1
    )
ORDER BY expected.relation ASC, expected.name ASC
LIMIT 100;
