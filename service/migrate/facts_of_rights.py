"""Owns how schemas and privileges are written down: who may do what, whoever granted it.

Each part gives two columns, as those of facts_of_tables.
"""

from typing import Final

_SCHEMAS: Final = """
SELECT 'schema ' || quote_ident(nspname), 'owner ' || nspowner::regrole FROM home
"""
# One line for each who has any; an owner, who has all, has one where that is not so.
_PRIVILEGES: Final = """
SELECT
    'privileges of ' || CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END
    || ' on ' || what,
    string_agg(
        privilege_type || CASE WHEN is_grantable THEN ' with grant option' ELSE '' END, ', '
        ORDER BY privilege_type COLLATE "C", is_grantable
    )
FROM (
    SELECT
        CASE
            WHEN relkind = 'S' THEN 'sequence ' WHEN relkind = 'v' THEN 'view '
            WHEN relkind = 'm' THEN 'materialized view ' ELSE 'table '
        END || named,
        relowner, relacl, CASE WHEN relkind = 'S' THEN 's'::"char" ELSE 'r' END
    FROM relation WHERE relkind IN ('S', 'f', 'm', 'p', 'r', 'v')
    UNION ALL
    SELECT 'column ' || quote_ident(attname) || ' of ' || named, relowner, attacl, 'c'
    FROM relation INNER JOIN pg_attribute ON attrelid = relation.oid
    WHERE attacl IS NOT NULL AND NOT attisdropped
    UNION ALL
    SELECT
        CASE prokind WHEN 'a' THEN 'aggregate ' WHEN 'p' THEN 'procedure ' ELSE 'function ' END
        || pg_proc.oid::regprocedure, proowner, proacl, 'f'
    FROM pg_proc INNER JOIN home ON home.oid = pronamespace WHERE nspname <> 'q' OR prokind <> 'f'
    UNION ALL
    SELECT 'type ' || pg_type.oid::regtype, typowner, typacl, 'T'
    FROM pg_type INNER JOIN home ON home.oid = typnamespace
    LEFT OUTER JOIN relation ON relation.oid = typrelid
    WHERE (typrelid = 0 OR relkind = 'c') AND typelem = 0
    UNION ALL
    SELECT 'schema ' || quote_ident(nspname), nspowner, nspacl, 'n' FROM home
) AS object (what, owner, acl, kind)
CROSS JOIN LATERAL aclexplode(coalesce(acl, acldefault(kind, owner)))
GROUP BY what, owner, kind, grantee
HAVING grantee <> owner OR kind = 'c' OR count(*) <> (
    SELECT count(*) FROM aclexplode(acldefault(kind, owner)) AS given WHERE given.grantee = owner
)
"""
_DEFAULTS: Final = """
SELECT
    concat_ws(
        ' ', 'default privileges of', defaclrole::regrole, 'for', CASE defaclobjtype
            WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions'
            WHEN 'T' THEN 'types' WHEN 'n' THEN 'schemas' ELSE defaclobjtype::text
        END, 'in ' || quote_ident(nspname)
    ),
    (
        SELECT string_agg(
            concat_ws(
                ' ', CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END,
                privilege_type, CASE WHEN is_grantable THEN 'with grant option' END
            ), ', '
            ORDER BY grantee::regrole::text COLLATE "C", privilege_type COLLATE "C", is_grantable
        ) FROM aclexplode(defaclacl)
    )
FROM pg_default_acl LEFT OUTER JOIN home ON home.oid = defaclnamespace
WHERE home.oid IS NOT NULL
    OR defaclnamespace = 0 AND defaclrole IN (SELECT owning.nspowner FROM home AS owning)
"""

PARTS: Final = (_SCHEMAS, _PRIVILEGES, _DEFAULTS)
