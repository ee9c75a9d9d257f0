-- name: verify_facts :one
-- Tell which cluster this is, how many entries there are, about, and how far the log goes.
--
-- returns: system_identifier bigint, entries bigint, positions bigint, sealed bigint,
--     level_max integer
-- raises: -
-- isolation: repeatable read
-- call: text
-- role: worker
-- plan: position_pkey
-- plan: tile_pkey
SELECT
    control.system_identifier,
    (
        SELECT greatest(pg_class.reltuples, 0)::bigint
        FROM pg_catalog.pg_class
        WHERE pg_class.oid = to_regclass('audit.entry')
    ) AS entries,
    coalesce(
        (
            SELECT position.log_index + 1
            FROM audit.position
            ORDER BY position.log_index DESC
            LIMIT 1
        ),
        0
    ) AS positions,
    (
        SELECT checkpoint.size
        FROM audit.checkpoint
        ORDER BY checkpoint.incarnation DESC, checkpoint.size DESC
        LIMIT 1
    ) AS sealed,
    coalesce(
        (
            SELECT tile.level::integer
            FROM audit.tile
            ORDER BY tile.level DESC
            LIMIT 1
        ),
        0
    ) AS level_max
FROM pg_control_system() AS control;
