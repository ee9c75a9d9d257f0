"""Owns how triggers, policies, rewrite rules, functions, types and statistics are written down.

Each part gives two columns, as those of facts_of_tables.
"""

from typing import Final

_TRIGGERS: Final = """
SELECT
    'trigger ' || quote_ident(tgname) || ' on ' || named,
    CASE tgenabled
        WHEN 'A' THEN 'always' WHEN 'O' THEN 'on' WHEN 'R' THEN 'on replicas' ELSE 'disabled'
    END || ': ' || pg_get_triggerdef(pg_trigger.oid)
FROM relation INNER JOIN pg_trigger ON tgrelid = relation.oid WHERE NOT tgisinternal
"""
_POLICIES: Final = """
SELECT
    'policy ' || quote_ident(polname) || ' on ' || named,
    concat_ws(
        ' ', polcmd, CASE WHEN polpermissive THEN 'permissive' ELSE 'restrictive' END, 'to', (
            SELECT string_agg(coalesce(rolname, 'public'), ' ' ORDER BY rolname COLLATE "C")
            FROM unnest(polroles) AS member LEFT OUTER JOIN pg_roles ON pg_roles.oid = member
        ),
        'using ' || pg_get_expr(polqual, polrelid),
        'with check ' || pg_get_expr(polwithcheck, polrelid)
    )
FROM relation INNER JOIN pg_policy ON polrelid = relation.oid
"""
_REWRITES: Final = """
SELECT
    'rule ' || quote_ident(rulename) || ' on ' || named,
    ev_enabled::text || ' ' || pg_get_ruledef(pg_rewrite.oid)
FROM relation INNER JOIN pg_rewrite ON ev_class = relation.oid WHERE rulename <> '_RETURN'
"""
# Those of q are compared with their statement files, and two releases may have theirs there.
_FUNCTIONS: Final = """
SELECT
    CASE prokind WHEN 'a' THEN 'aggregate ' WHEN 'p' THEN 'procedure ' ELSE 'function ' END
    || pg_proc.oid::regprocedure,
    concat_ws(
        ' ', 'owner', proowner::regrole,
        CASE WHEN prokind = 'a' THEN (
            SELECT to_jsonb(pg_aggregate)::text FROM pg_aggregate WHERE aggfnoid = pg_proc.oid
        ) ELSE pg_get_functiondef(pg_proc.oid) END
    )
FROM pg_proc INNER JOIN home ON home.oid = pronamespace
WHERE nspname <> 'q' OR prokind <> 'f'
"""
_TYPES: Final = """
SELECT
    'type ' || pg_type.oid::regtype,
    concat_ws(
        ' ', 'owner', typowner::regrole, typtype, nullif(typbasetype, 0)::regtype,
        CASE WHEN typnotnull THEN 'not null' END, 'default ' || typdefault,
        (
            SELECT string_agg(quote_literal(enumlabel), ' ' ORDER BY enumsortorder)
            FROM pg_enum WHERE enumtypid = pg_type.oid
        ),
        (
            SELECT string_agg(
                concat_ws(
                    ' ', quote_ident(conname), pg_get_constraintdef(pg_constraint.oid), convalidated
                ), ' ' ORDER BY conname COLLATE "C"
            ) FROM pg_constraint WHERE contypid = pg_type.oid AND contype <> 'n'
        )
    )
FROM pg_type INNER JOIN home ON home.oid = typnamespace
LEFT OUTER JOIN relation ON relation.oid = typrelid
WHERE (typrelid = 0 OR relkind = 'c') AND typelem = 0
"""
_STATISTICS: Final = """
SELECT
    'statistics ' || quote_ident(nspname) || '.' || quote_ident(stxname),
    concat_ws(
        ' ', 'owner', stxowner::regrole, stxstattarget,
        pg_get_statisticsobjdef(pg_statistic_ext.oid)
    )
FROM pg_statistic_ext INNER JOIN home ON home.oid = stxnamespace
"""
# Whatever else can stand in a schema: operators, collations, text search, and what is to come.
_OTHERS: Final = """
SELECT one.type || ' ' || one.identity, ''
FROM pg_depend
INNER JOIN home ON home.oid = refobjid
CROSS JOIN LATERAL pg_identify_object(classid, objid, objsubid) AS one
WHERE
    refclassid = 'pg_namespace'::regclass AND deptype = 'n'
    AND classid <> ALL(ARRAY[
        'pg_class', 'pg_constraint', 'pg_default_acl', 'pg_proc', 'pg_statistic_ext', 'pg_type'
    ]::regclass[])
"""

PARTS: Final = (_TRIGGERS, _POLICIES, _REWRITES, _FUNCTIONS, _TYPES, _STATISTICS, _OTHERS)
