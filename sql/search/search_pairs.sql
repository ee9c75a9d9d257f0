-- name: search_pairs :many
-- Say of pairs of entities of a kind how near they are now, and by which labels, best first.
--
-- As search_exact compares an entity with others: the best of all pairs of their labels counts.
--
-- param: $1 ones uuid[]
-- param: $2 others uuid[]
-- param: $3 kind text
-- param: $4 statuses text[]
-- param: $5 models text[]
-- param: $6 sources text[]
-- param: $7 words double precision
-- param: $8 least double precision
-- returns: one_id uuid, other_id uuid, score double precision, one_label text, other_label text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- set: plan_cache_mode = force_generic_plan
SELECT
    one.id AS one_id,
    other.id AS other_id,
    best.score,
    best.one_label,
    best.other_label
FROM unnest($1::uuid[], $2::uuid[]) AS pair (one_id, other_id)
CROSS JOIN
    LATERAL app.search_admits(pair.one_id, ARRAY[$3], $4, '{}', '{}', '{}') AS one
CROSS JOIN
    LATERAL app.search_admits(pair.other_id, ARRAY[$3], $4, '{}', '{}', '{}') AS other
CROSS JOIN
    LATERAL (
        SELECT
            one_label.label AS one_label,
            other_label.label AS other_label,
            greatest(part.vector, $7 * part.lexical) AS score
        FROM app.entity_label AS one_label
        CROSS JOIN app.entity_label AS other_label
        CROSS JOIN
            LATERAL app.label_likeness(
                other_label.embedder,
                other_label.embedding_384,
                other_label.lexical_384,
                $5,
                CASE WHEN one_label.embedder = any($5) THEN one_label.embedding_384 END,
                one_label.lexical_384
            ) AS part
        WHERE
            one_label.entity_id = one.id
            AND one_label.source = any($6)
            AND other_label.entity_id = other.id
            AND other_label.source = any($6)
        ORDER BY score DESC NULLS LAST, one_label ASC, other_label ASC
        LIMIT 1
    ) AS best
WHERE best.score >= $8
ORDER BY best.score DESC, one_id ASC, other_id ASC;
