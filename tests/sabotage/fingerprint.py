"""What of a database decides how it behaves, in one value: to see whether an edit did anything."""

FINGERPRINT = r"""
WITH relation AS (
    SELECT pg_class.*, pg_namespace.nspname
    FROM pg_class INNER JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
    WHERE pg_namespace.nspname IN ('app', 'audit', 'q')
),
fact (kind, name, what) AS (
    SELECT
        'relation', nspname || '.' || relname,
        concat_ws(
            ' ', relkind, relrowsecurity, relforcerowsecurity, relacl::text,
            pg_get_userbyid(relowner), reloptions::text,
            CASE WHEN relkind = 'v' THEN pg_get_viewdef(oid) END
        )
    FROM relation
    UNION ALL
    SELECT
        'column', attrelid::regclass || '.' || attname,
        concat_ws(
            ' ', format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated,
            attacl::text, pg_get_expr(adbin, adrelid), attstattarget, attoptions::text
        )
    FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE attrelid IN (SELECT oid FROM relation WHERE relkind <> 'i') AND attnum > 0
    UNION ALL
    SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace IN (SELECT relnamespace FROM relation)
    UNION ALL
    SELECT 'index', indexrelid::regclass::text, pg_get_indexdef(indexrelid)
    FROM pg_index WHERE indrelid IN (SELECT oid FROM relation)
    UNION ALL
    SELECT 'trigger', tgrelid::regclass || '.' || tgname, tgenabled::text || pg_get_triggerdef(oid)
    FROM pg_trigger WHERE tgrelid IN (SELECT oid FROM relation) AND NOT tgisinternal
    UNION ALL
    SELECT
        'policy', polrelid::regclass || '.' || polname,
        concat_ws(
            ' ', polcmd, polpermissive, polroles::regrole[]::text,
            pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)
        )
    FROM pg_policy
    UNION ALL
    SELECT
        'function', pg_proc.oid::regprocedure::text,
        concat_ws(
            ' ', pg_get_userbyid(proowner), proacl::text,
            regexp_replace(pg_get_functiondef(pg_proc.oid), '--[^\n]*', '', 'g')
        )
    FROM pg_proc WHERE pronamespace IN (SELECT relnamespace FROM relation) AND prokind = 'f'
    UNION ALL
    SELECT 'type', pg_type.oid::regtype::text, concat_ws(' ', typacl::text, typtype)
    FROM pg_type WHERE typnamespace IN (SELECT relnamespace FROM relation)
    UNION ALL
    SELECT 'schema', nspname, nspacl::text
    FROM pg_namespace WHERE nspname IN ('app', 'audit', 'q', 'public')
    UNION ALL
    SELECT
        'default',
        concat_ws(' ', defaclrole::regrole, defaclnamespace::regnamespace, defaclobjtype),
        defaclacl::text
    FROM pg_default_acl
    UNION ALL
    SELECT 'statistic', stxname, pg_get_statisticsobjdef(oid) FROM pg_statistic_ext
    UNION ALL
    SELECT 'step', step::text, '' FROM app.life_cycle_step AS step
    UNION ALL
    SELECT 'step', step::text, '' FROM app.amendment_step AS step
)
SELECT md5(string_agg(kind || name || coalesce(what, ''), E'\n' ORDER BY kind, name, what))
FROM fact
"""
