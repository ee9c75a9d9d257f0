-- name: q_functions :many
-- List the functions of schema q with everything the drift check compares.
--
-- returns: name text, arity integer, source text, settings text[], owner text,
--     definer boolean, nature text, executors text[]
-- raises: -
-- isolation: read committed
-- call: text
-- role: app
SELECT
    pg_proc.proname::text AS name,
    pg_proc.pronargs::integer AS arity,
    pg_proc.prosrc AS source,
    coalesce(pg_proc.proconfig, '{}') AS settings,
    pg_get_userbyid(pg_proc.proowner)::text AS owner,
    pg_proc.prosecdef AS definer,
    concat_ws(
        ' ', pg_language.lanname, pg_proc.prokind, pg_proc.provolatile, pg_proc.proparallel,
        pg_proc.proisstrict, pg_proc.proleakproof, pg_proc.proretset
    ) AS nature,
    array(
        SELECT
            CASE granted.grantee
                WHEN 0 THEN 'public'
                ELSE pg_get_userbyid(granted.grantee)::text
            END
        FROM
            aclexplode(
                coalesce(pg_proc.proacl, acldefault('f', pg_proc.proowner))
            ) AS granted
        WHERE granted.privilege_type = 'EXECUTE'
        ORDER BY granted.grantee ASC
    ) AS executors
FROM pg_catalog.pg_proc
INNER JOIN pg_catalog.pg_namespace ON pg_proc.pronamespace = pg_namespace.oid
INNER JOIN pg_catalog.pg_language ON pg_proc.prolang = pg_language.oid
WHERE pg_namespace.nspname = 'q'
ORDER BY pg_proc.proname ASC, pg_proc.oid ASC
LIMIT 10000;
