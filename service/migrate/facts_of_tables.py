"""Owns how tables, views, sequences, columns, constraints and indexes are written down.

Each part gives two columns, what it is with its name and its definition, and knows the relations
`home` (our schemas) and `relation` (what stands in them).
"""

from typing import Final

_TABLES: Final = """
SELECT
    'table ' || named,
    concat_ws(
        ' ', 'owner', relowner::regrole, relkind, relpersistence, relreplident,
        'of', nullif(reloftype, 0)::regtype, pg_get_partkeydef(oid), pg_get_expr(relpartbound, oid),
        'in', (
            SELECT string_agg(inhparent::regclass::text, ' ' ORDER BY inhseqno)
            FROM pg_inherits WHERE inhrelid = relation.oid
        ),
        'with', (
            SELECT string_agg(option, ' ' ORDER BY option COLLATE "C")
            FROM unnest(reloptions || ARRAY(
                SELECT 'toast.' || option FROM pg_class AS toast, unnest(toast.reloptions) AS option
                WHERE toast.oid = relation.reltoastrelid
            )) AS option
        )
    )
FROM relation WHERE relkind IN ('f', 'p', 'r')
"""
_ROW_SECURITY: Final = """
SELECT
    'row security of ' || named,
    concat_ws(
        ', ', CASE WHEN relrowsecurity THEN 'on' ELSE 'off' END,
        CASE WHEN relforcerowsecurity THEN 'forced' ELSE 'not forced' END
    )
FROM relation WHERE relkind IN ('p', 'r')
"""
_VIEWS: Final = """
SELECT
    CASE relkind WHEN 'm' THEN 'materialized view ' ELSE 'view ' END || named,
    concat_ws(
        ' ', 'owner', relowner::regrole,
        (SELECT string_agg(one, ' ' ORDER BY one COLLATE "C") FROM unnest(reloptions) AS one),
        'as', pg_get_viewdef(oid)
    )
FROM relation WHERE relkind IN ('m', 'v')
"""
_SEQUENCES: Final = """
SELECT
    'sequence ' || named,
    concat_ws(
        ' ', 'owner', relowner::regrole, relpersistence, seqtypid::regtype, 'from', seqstart, 'by',
        seqincrement, 'within', seqmin, seqmax, 'cache', seqcache, 'cycle', seqcycle, 'of', (
            SELECT refobjid::regclass || '.' || attname
            FROM pg_depend INNER JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid
            WHERE classid = 'pg_class'::regclass AND objid = relation.oid AND deptype IN ('a', 'i')
        )
    )
FROM relation INNER JOIN pg_sequence ON seqrelid = relation.oid
"""
_COLUMNS: Final = """
SELECT
    'column ' || quote_ident(attname) || ' of ' || named,
    concat_ws(
        ' ', format_type(atttypid, atttypmod),
        CASE WHEN attcollation <> typcollation THEN 'collate ' || attcollation::regcollation END,
        CASE WHEN attnotnull THEN 'not null' END,
        (
            SELECT 'not validated' FROM pg_constraint
            WHERE conrelid = attrelid AND contype = 'n' AND conkey = ARRAY[attnum]
                AND NOT convalidated
        ),
        'identity ' || nullif(attidentity::text, ''),
        'generated ' || nullif(attgenerated::text, ''),
        'default ' || pg_get_expr(adbin, adrelid), 'storage ' || attstorage::text,
        'compression ' || nullif(attcompression::text, ''), 'statistics ' || attstattarget::text,
        (SELECT string_agg(one, ' ' ORDER BY one COLLATE "C") FROM unnest(attoptions) AS one)
    )
FROM relation
INNER JOIN pg_attribute ON attrelid = relation.oid AND attnum > 0 AND NOT attisdropped
INNER JOIN pg_type ON pg_type.oid = atttypid
LEFT OUTER JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE relkind IN ('c', 'f', 'm', 'p', 'r', 'v') AND NOT is_yoyos
"""
# What a partition has of its parent has names of the server's: it goes by the parent's. NOT NULL,
# whose names no dump keeps, is said of the column.
_CONSTRAINTS: Final = """
SELECT
    'constraint ' || quote_ident(coalesce(parent.conname, own.conname)) || ' of ' || named,
    concat_ws(
        ' ', pg_get_constraintdef(own.oid),
        CASE WHEN NOT own.convalidated THEN 'not validated' END,
        CASE WHEN NOT own.conenforced THEN 'not enforced' END,
        (
            SELECT 'checked by triggers ' || string_agg(DISTINCT tgenabled::text, ' ')
            FROM pg_trigger WHERE tgconstraint = own.oid AND tgisinternal
        )
    )
FROM relation
INNER JOIN pg_constraint AS own ON own.conrelid = relation.oid
LEFT OUTER JOIN pg_constraint AS parent ON parent.oid = own.conparentid
WHERE own.contype <> 'n' AND parent.conrelid IS DISTINCT FROM own.conrelid
    AND NOT is_yoyos
"""
_INDEXES: Final = """
SELECT
    'index ' || coalesce(parent.named, own.named) || ' on ' || relation.named,
    concat_ws(
        ' ', regexp_replace(pg_get_indexdef(indexrelid), ' INDEX \\S+ ON ', ' INDEX ON '),
        CASE WHEN NOT indisready OR NOT indislive THEN 'not ready' END,
        CASE WHEN NOT indimmediate THEN 'deferred' END,
        (
            SELECT
                'statistics '
                || string_agg(coalesce(attstattarget, -1)::text, ' ' ORDER BY attnum)
            FROM pg_attribute WHERE attrelid = indexrelid
        )
    )
FROM relation
INNER JOIN pg_index ON indrelid = relation.oid
INNER JOIN relation AS own ON own.oid = indexrelid
LEFT OUTER JOIN pg_inherits ON inhrelid = indexrelid
LEFT OUTER JOIN relation AS parent ON parent.oid = inhparent
WHERE NOT relation.is_yoyos
"""

PARTS: Final = (
    _TABLES,
    _ROW_SECURITY,
    _VIEWS,
    _SEQUENCES,
    _COLUMNS,
    _CONSTRAINTS,
    _INDEXES,
)
