-- name: verify_tiles :many
-- Read the tiles of one level of the tree, from an index on.
--
-- param: $1 level integer
-- param: $2 from_index bigint
-- param: $3 count bigint
-- returns: index bigint, nodes bytea
-- raises: -
-- isolation: repeatable read
-- call: text
-- role: worker
-- plan: tile_pkey
SELECT
    tile.index,
    tile.nodes
FROM audit.tile
WHERE tile.level = $1::integer AND tile.index >= $2
ORDER BY tile.index ASC
LIMIT $3;
