"""What there is to break, asked of the catalogue of a migrated database."""

OURS = "nspname IN ('app', 'audit')"

POLICIES = f"""
SELECT
    polrelid::regclass::text, polname::text,
    pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)
FROM pg_policy INNER JOIN pg_class ON pg_class.oid = polrelid
INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE {OURS} AND NOT relispartition ORDER BY 1, 2
"""

TABLES = f"""
SELECT pg_class.oid::regclass::text
FROM pg_class INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE {OURS} AND relrowsecurity AND NOT relispartition ORDER BY 1
"""

VIEWS = f"""
SELECT pg_class.oid::regclass::text
FROM pg_class INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE {OURS} AND relkind = 'v' ORDER BY 1
"""

TRIGGERS = f"""
SELECT
    tgrelid::regclass::text, tgname::text, tgenabled::text, tgfoid::regproc::text
FROM pg_trigger INNER JOIN pg_class ON pg_class.oid = tgrelid
INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE {OURS} AND NOT tgisinternal AND tgparentid = 0 ORDER BY 1, 2
"""

CONSTRAINTS = f"""
SELECT
    conrelid::regclass::text, conname::text,
    CASE contype WHEN 'f' THEN 'foreign-key' WHEN 'c' THEN 'check'
        WHEN 'u' THEN 'unique' WHEN 'p' THEN 'primary-key' ELSE 'exclusion' END,
    pg_get_constraintdef(pg_constraint.oid),
    EXISTS (
        SELECT FROM pg_constraint AS other
        WHERE other.contype = 'f' AND other.conindid = pg_constraint.conindid
        AND pg_constraint.contype IN ('u', 'p')
    )
FROM pg_constraint INNER JOIN pg_class ON pg_class.oid = conrelid
INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE {OURS} AND contype <> 'n' AND conparentid = 0 AND conislocal AND NOT relispartition
ORDER BY 3, 1, 2
"""

INDEXES = f"""
SELECT
    nspname::text, tab.relname::text, indrelid::regclass::text, indisunique,
    pg_get_indexdef(indexrelid),
    EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND conindid = indexrelid)
FROM pg_index INNER JOIN pg_class AS tab ON tab.oid = indexrelid
INNER JOIN pg_namespace ON pg_namespace.oid = tab.relnamespace
WHERE {OURS} AND NOT tab.relispartition
AND NOT EXISTS (
    SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x')
)
ORDER BY 1, 2
"""

GRANTS = f"""
SELECT
    CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, pg_class.oid::regclass::text,
    NULL::text, grantee::regrole::text, privilege_type
FROM pg_class INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
CROSS JOIN LATERAL aclexplode(relacl)
WHERE {OURS} AND grantee NOT IN (relowner, 0) AND NOT relispartition
UNION ALL
SELECT 'TABLE', attrelid::regclass::text, attname::text, grantee::regrole::text, privilege_type
FROM pg_attribute INNER JOIN pg_class ON pg_class.oid = attrelid
INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
CROSS JOIN LATERAL aclexplode(attacl)
WHERE {OURS} AND grantee NOT IN (relowner, 0) AND NOT relispartition
UNION ALL
SELECT 'FUNCTION', pg_proc.oid::regprocedure::text, NULL, grantee::regrole::text, privilege_type
FROM pg_proc INNER JOIN pg_namespace ON pg_namespace.oid = pronamespace
CROSS JOIN LATERAL aclexplode(proacl)
WHERE {OURS} AND grantee NOT IN (proowner, 0)
UNION ALL
SELECT 'SCHEMA', nspname::text, NULL, grantee::regrole::text, privilege_type
FROM pg_namespace CROSS JOIN LATERAL aclexplode(nspacl)
WHERE nspname IN ('app', 'audit', 'q') AND grantee NOT IN (nspowner, 0)
UNION ALL
SELECT 'TYPE', pg_type.oid::regtype::text, NULL, grantee::regrole::text, privilege_type
FROM pg_type INNER JOIN pg_namespace ON pg_namespace.oid = typnamespace
CROSS JOIN LATERAL aclexplode(typacl)
WHERE {OURS} AND grantee NOT IN (typowner, 0)
ORDER BY 1, 2, 3, 4, 5
"""

NOT_NULLS = f"""
SELECT attrelid::regclass::text, attname::text
FROM pg_attribute INNER JOIN pg_class ON pg_class.oid = attrelid
INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE {OURS} AND attnum > 0 AND attnotnull AND attidentity = '' AND relkind IN ('r', 'p')
AND NOT relispartition AND NOT EXISTS (
    SELECT FROM pg_index WHERE indrelid = attrelid AND indisprimary AND attnum = ANY (indkey)
)
ORDER BY 1, 2
"""

COLUMN_DEFAULTS = f"""
SELECT attrelid::regclass::text, attname::text, pg_get_expr(adbin, adrelid)
FROM pg_attrdef INNER JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
INNER JOIN pg_class ON pg_class.oid = attrelid
INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE {OURS} AND attgenerated = '' AND NOT relispartition ORDER BY 1, 2
"""

FUNCTIONS = f"""
SELECT
    pg_proc.oid::regprocedure::text, nspname || '.' || proname, prosecdef,
    pg_get_functiondef(pg_proc.oid)
FROM pg_proc INNER JOIN pg_namespace ON pg_namespace.oid = pronamespace
WHERE {OURS} AND prokind = 'f' ORDER BY 1
"""

UNGRANTED = f"""
SELECT pg_proc.oid::regprocedure::text, nspname || '.' || proname, rolname, prosecdef
FROM pg_proc INNER JOIN pg_namespace ON pg_namespace.oid = pronamespace
CROSS JOIN unnest(ARRAY['plant_app']) AS role (rolname)
WHERE {OURS} AND prokind = 'f' AND prorettype <> 'trigger'::regtype
AND NOT has_function_privilege(rolname, pg_proc.oid, 'EXECUTE')
ORDER BY 1, 3
"""
