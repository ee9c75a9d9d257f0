-- name: tables_list :many
-- List the tables of app and audit with their row security and their triggers: awake are those
-- that fire whatever session_replication_role says, by their functions; asleep the others.
--
-- returns: name text, of_tenant boolean, secured boolean, forced boolean,
--     awake text[], asleep text[]
-- raises: -
-- isolation: read committed
-- call: text
-- role: owner
SELECT
    pg_namespace.nspname || '.' || pg_class.relname AS name,
    pg_attribute.attname IS NOT NULL AS of_tenant,
    pg_class.relrowsecurity AS secured,
    pg_class.relforcerowsecurity AS forced,
    array(
        SELECT home.nspname || '.' || pg_proc.proname
        FROM pg_catalog.pg_trigger
        INNER JOIN pg_catalog.pg_proc ON pg_trigger.tgfoid = pg_proc.oid
        INNER JOIN pg_catalog.pg_namespace AS home ON pg_proc.pronamespace = home.oid
        WHERE
            pg_trigger.tgrelid = pg_class.oid
            AND NOT pg_trigger.tgisinternal
            AND pg_trigger.tgenabled = 'A'
        ORDER BY pg_trigger.tgname ASC
    ) AS awake,
    array(
        SELECT pg_trigger.tgname::text
        FROM pg_catalog.pg_trigger
        WHERE
            pg_trigger.tgrelid = pg_class.oid
            AND NOT pg_trigger.tgisinternal
            AND pg_trigger.tgenabled <> 'A'
        ORDER BY pg_trigger.tgname ASC
    ) AS asleep
FROM pg_catalog.pg_class
INNER JOIN pg_catalog.pg_namespace ON pg_class.relnamespace = pg_namespace.oid
LEFT OUTER JOIN pg_catalog.pg_attribute
    ON pg_class.oid = pg_attribute.attrelid AND pg_attribute.attname = 'tenant_id'
WHERE
    pg_namespace.nspname IN ('app', 'audit')
    AND pg_class.relkind IN ('r', 'p')
ORDER BY pg_namespace.nspname ASC, pg_class.relname ASC
LIMIT 10000;
