-- name: search_near :many
-- Find what is nearest to some vectors, as far as the indexes lead.
--
-- As search_exact, of the `near` nearest labels by vector and by words. The filters are asked of
-- each label that an index gives, and it gives more until so many have met them or it has given
-- hnsw.max_scan_tuples: fewer rows than asked for may come back. Scores are of the vectors as
-- they are, not of the halves that the indexes have.
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
-- param: $12 count bigint
-- param: $13 near bigint
-- returns: id uuid, document text, score double precision, vector double precision,
--          lexical double precision, label text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- set: enable_sort = off
-- set: hnsw.iterative_scan = relaxed_order
-- set: hnsw.ef_search = 100
-- set: hnsw.max_scan_tuples = 40000
-- set: hnsw.scan_mem_multiplier = 4
WITH hit AS MATERIALIZED (
    SELECT near.*, probe.vector AS probe_vector, probe.lexical AS probe_lexical
    FROM unnest($6::public.vector[], $7::public.vector[]) AS probe (vector, lexical)
    CROSS JOIN LATERAL (
        SELECT label.entity_id, label.label_no, label.label, label.embedder, label.embedding_384, label.lexical_384
        FROM app.entity_label AS label
        CROSS JOIN LATERAL app.search_admits(label.entity_id, $1, $2, $3, $4, $5) AS admitted
        WHERE label.embedder = ANY($8) AND label.source = ANY($9) AND label.entity_type = ANY($1)
            AND label.entity_id IS DISTINCT FROM $10
        ORDER BY label.embedding_384::public.halfvec(384) OPERATOR(public.<=>) probe.vector::public.halfvec(384)
        LIMIT $13
    ) AS near
    WHERE probe.vector IS NOT NULL
    UNION ALL
    SELECT near.*, probe.vector, probe.lexical
    FROM unnest($6::public.vector[], $7::public.vector[]) AS probe (vector, lexical)
    CROSS JOIN LATERAL (
        SELECT label.entity_id, label.label_no, label.label, label.embedder, label.embedding_384, label.lexical_384
        FROM app.entity_label AS label
        CROSS JOIN LATERAL app.search_admits(label.entity_id, $1, $2, $3, $4, $5) AS admitted
        WHERE label.source = ANY($9) AND label.entity_type = ANY($1)
            AND label.entity_id IS DISTINCT FROM $10
        ORDER BY label.lexical_384::public.halfvec(384) OPERATOR(public.<=>) probe.lexical::public.halfvec(384)
        LIMIT $13
    ) AS near
    WHERE probe.lexical IS NOT NULL
)

SELECT top.id, (SELECT base.document FROM app.base_entity AS base WHERE base.id = top.id) AS document,
    top.score, top.vector, top.lexical, top.label
FROM (
    SELECT DISTINCT ON (hit.entity_id)
        hit.entity_id AS id, hit.label, part.vector, part.lexical, greatest(part.vector, $11 * part.lexical) AS score
    FROM hit
    CROSS JOIN LATERAL (
        SELECT
            CASE WHEN hit.embedder = ANY($8) THEN 1 - (hit.embedding_384 OPERATOR(public.<=>) hit.probe_vector) END AS vector,
            1 - (hit.lexical_384 OPERATOR(public.<=>) hit.probe_lexical) AS lexical
        OFFSET 0
    ) AS part
    ORDER BY hit.entity_id ASC, score DESC, hit.label_no ASC
) AS top
ORDER BY top.score DESC, top.id ASC
LIMIT $12;
