-- name: search_near :many
-- Find what is nearest to some vectors, as far as the indexes lead.
--
-- As search_exact, of the entities of the `near` nearest labels by vector and by words. The filters
-- are asked of each label that an index gives, and it gives more until so many have met them or it
-- has given hnsw.max_scan_tuples: fewer rows than asked for may come back. Scores are of all labels
-- of an entity and of the vectors as they are, not of the halves that the indexes have. Every row
-- says in `led` how many entities were compared, and how many labels had led to them: where the
-- nearest labels are of few, better ones may lie behind them; where they are fewer than were asked
-- for, an index has no more.
--
-- param: $1 kinds text[]
-- param: $2 statuses text[]
-- param: $3 categories text[]
-- param: $4 tags text[]
-- param: $5 industry_ids uuid[]
-- param: $6 vectors public.vector[]
-- param: $7 lexicals public.vector[]
-- param: $8 models text[]
-- param: $9 sources text[]
-- param: $10 but_id uuid
-- param: $11 words double precision
-- param: $12 around double precision
-- param: $13 count bigint
-- param: $14 near bigint
-- returns: id uuid, document text, score double precision, vector double precision,
--          lexical double precision, label text, led bigint[]
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- set: plan_cache_mode = force_generic_plan
-- set: enable_sort = off
-- set: hnsw.iterative_scan = relaxed_order
-- set: hnsw.ef_search = 80
-- set: hnsw.max_scan_tuples = 20000
-- set: hnsw.scan_mem_multiplier = 2
SELECT
    top.id,
    (
        SELECT base.document FROM app.base_entity AS base
        WHERE base.id = top.id
    ) AS document,
    top.score,
    top.vector,
    top.lexical,
    top.label,
    top.led
FROM (
    SELECT
        candidate.id,
        best.score,
        best.vector,
        best.lexical,
        best.label,
        ARRAY[count(*) OVER (), sum(candidate.labels) OVER ()]::bigint[] AS led
    FROM (
        SELECT
            near.entity_id AS id,
            count(*) AS labels
        FROM unnest($6::public.vector[], $7::public.vector[]) AS probe (vector, lexical)
        CROSS JOIN
            LATERAL (
                (
                    SELECT named.entity_id
                    FROM app.entity_label AS named
                    CROSS JOIN LATERAL app.search_admits(named.entity_id, $1, $2, $3, $4, $5)
                    WHERE
                        probe.vector IS NOT NULL AND named.embedder = any($8)
                        AND named.source = any($9) AND named.entity_type = any($1)
                        AND named.entity_id IS DISTINCT FROM $10
                    ORDER BY
                        named.embedding_384::public.halfvec(384)
                        OPERATOR (public.<=>) probe.vector::public.halfvec(384)
                    LIMIT $14
                )
                UNION ALL
                (
                    SELECT named.entity_id
                    FROM app.entity_label AS named
                    CROSS JOIN LATERAL app.search_admits(named.entity_id, $1, $2, $3, $4, $5)
                    WHERE
                        probe.lexical IS NOT NULL AND named.source = any($9)
                        AND named.entity_type = any($1) AND named.entity_id IS DISTINCT FROM $10
                    ORDER BY
                        named.lexical_384::public.halfvec(384)
                        OPERATOR (public.<=>) probe.lexical::public.halfvec(384)
                    LIMIT $14
                )
            ) AS near
        GROUP BY near.entity_id
    ) AS candidate
    CROSS JOIN LATERAL app.entity_likeness(candidate.id, $9, $8, $6, $7, $11, $12) AS best
    ORDER BY best.score DESC, candidate.id ASC
    LIMIT $13
) AS top
ORDER BY top.score DESC, top.id ASC;
