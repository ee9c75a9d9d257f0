-- name: log_grow :one
-- Write tiles of the tree, new ones and ones that have grown; says how many.
--
-- param: $1 levels integer[]
-- param: $2 indexes bigint[]
-- param: $3 nodes bytea[]
-- returns: written bigint
-- raises: -
-- isolation: read committed
-- call: text
-- role: worker
WITH written AS (
    INSERT INTO audit.tile (level, index, nodes)
    SELECT
        given.level::smallint,
        given.index,
        given.nodes
    FROM
        unnest($1::integer[], $2::bigint[], $3::bytea[]) AS given (level, index, nodes)
    ON CONFLICT (level, index) DO UPDATE
        SET nodes = excluded.nodes
    RETURNING tile.index
)

SELECT count(*) AS written FROM written;
