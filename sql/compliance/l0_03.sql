-- name: l0_03 :many
-- L0-03: the append-only triggers stand and are enabled (ALWAYS).
-- Stand: the same function at the same events, for every row and column; some for what is
-- erased only, some for all else. What the functions themselves hold is asked by `plant
-- migrate verify`.
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
    SELECT
        relation.name AS relation,
        split_part(relation.name, '.', 2) || '_' || kind.suffix AS name,
        coalesce(
            format(kind.function, split_part(relation.name, '.', 2)), 'audit.refuse_change()'
        ) AS function,
        kind.type,
        kind.condition
    FROM (
        -- tgtype adds up ROW 1, BEFORE 2, INSERT 4, DELETE 8, UPDATE 16, TRUNCATE 32.
        VALUES
        ('app.base_entity app.amendment', '10_guard', 'app.%s_guard()', 23, ' IS DISTINCT FROM '),
        ('app.base_entity app.amendment', '20_erasure', 'app.%s_erasure()', 19, ' = '),
        ('app.base_entity app.amendment', '90_log', 'audit.%s_log()', 23, ' IS DISTINCT FROM '),
        ('app.base_entity app.amendment', '91_erasure', 'audit.erasure_log()', 19, ' = '),
        ('app.base_entity', '20_restoration', 'app.%s_restoration()', 7, ' = '),
        ('app.base_entity', '91_restoration', 'audit.restoration_log()', 7, ' = '),
        ('audit.payload', '10_update', 'audit.payload_update()', 18, NULL),
        ('audit.payload', '20_emptying', 'audit.payload_emptying()', 19, NULL),
        ('audit.tile', '10_growth', 'audit.tile_growth()', 19, NULL),
        ('app.base_entity app.amendment audit.payload audit.tile', 'append_only', NULL, 42, NULL),
        ('app.skill_entity app.industry_entity app.team_entity', 'append_only', NULL, 42, NULL),
        ('app.job_role_entity app.agent_entity', 'append_only', NULL, 42, NULL),
        ('audit.entry audit.position audit.erasure audit.prune', 'append_only', NULL, 58, NULL),
        ('audit.checkpoint audit.cosignature audit.incarnation', 'append_only', NULL, 58, NULL),
        ('audit.restoration', 'append_only', NULL, 58, NULL),
        ('audit.pending', 'append_only', NULL, 50, NULL),
        ('app.entity_parent app.entity_tag', 'no_truncate', NULL, 34, NULL),
        ('app.job_role_skill app.agent_skill', 'no_truncate', NULL, 34, NULL)
    ) AS kind (relations, suffix, function, type, condition)
    CROSS JOIN LATERAL string_to_table(kind.relations, ' ') AS relation (name)
) AS expected
LEFT OUTER JOIN pg_catalog.pg_trigger
    ON
        pg_trigger.tgrelid = to_regclass(expected.relation)
        AND expected.name = pg_trigger.tgname
WHERE
    (
        pg_trigger.tgenabled = 'A'
        AND pg_trigger.tgfoid = to_regprocedure(expected.function)
        AND pg_trigger.tgtype = expected.type
        AND substring(pg_get_triggerdef(pg_trigger.oid) FROM ' WHEN (.*) EXECUTE FUNCTION ')
        IS NOT DISTINCT FROM '((new.status' || expected.condition || '''erased''::text))'
        AND cardinality(pg_trigger.tgattr::smallint[]) = 0
    ) IS NOT TRUE
    -- Of whichever entity it is asked, the answer is of all.
    AND EXISTS (
        SELECT FROM app.base_entity
        WHERE base_entity.id = $1
    )
ORDER BY expected.relation ASC, expected.name ASC
LIMIT 100;
