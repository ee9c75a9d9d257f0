-- name: log_tiles :many
-- Read tiles of the tree by level and index, as far as there are any.
--
-- param: $1 levels integer[]
-- param: $2 indexes bigint[]
-- param: $3 count bigint
-- returns: level integer, index bigint, nodes bytea
-- raises: -
-- isolation: read committed
-- call: text
-- role: worker
-- plan: tile_pkey
SELECT
    tile.level::integer AS level,
    tile.index,
    tile.nodes
FROM unnest($1::integer[], $2::bigint[]) AS asked (level, index)
INNER JOIN audit.tile
    ON
        asked.level::smallint = tile.level
        AND asked.index = tile.index
ORDER BY
    tile.level ASC,
    tile.index ASC
LIMIT $3;
