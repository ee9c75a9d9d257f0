-- name: proof_tiles :many
-- Read tiles of the tree by level and index, as many pairs as the two arrays have.
--
-- Of no tenant: hashes only. The last tile of a level may have more than a checkpoint covers.
--
-- param: $1 levels integer[]
-- param: $2 indexes bigint[]
-- returns: level integer, index bigint, nodes bytea
-- raises: -
-- isolation: read committed
-- call: text
-- role: app
SELECT
    tile.level::integer AS level,
    tile.index,
    tile.nodes
FROM unnest($1::integer[], $2::bigint[]) AS wanted (level, index)
INNER JOIN audit.tile ON wanted.level = tile.level AND wanted.index = tile.index
ORDER BY tile.level ASC, tile.index ASC
LIMIT cardinality($1::integer[]);
