-- name: search_scale :one
-- Estimate how many labels the indexes lead through: those of the tenant where it has a table of
-- its own, as `own` says, else those of all.
--
-- It is what VACUUM, ANALYZE or CREATE INDEX counted last; 0 before they did, and where somebody
-- has detached the table of all. A tenant's tables are named as app.label_partition has it.
--
-- returns: labels bigint, own boolean
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
SELECT
    greatest(
        coalesce(
            max(pg_class.reltuples) FILTER (WHERE pg_class.relname <> 'entity_label_default'),
            max(pg_class.reltuples)
        ),
        0
    )::bigint AS labels,
    coalesce(bool_or(pg_class.relname <> 'entity_label_default'), FALSE) AS own
FROM
    pg_catalog.pg_class,
    replace(current_setting('app.tenant_id'), '-', '') AS tenant (hex)
WHERE
    pg_class.relnamespace = 'app'::regnamespace
    AND pg_class.relispartition
    AND pg_class.relname = any(
        ARRAY[
            'entity_label_default',
            'entity_label_' || tenant.hex,
            'entity_label_' || tenant.hex || '_2'
        ]::name[]
    );
