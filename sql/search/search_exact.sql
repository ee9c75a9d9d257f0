-- name: search_exact :many
-- Find what is nearest to some vectors among everything that a search is about.
--
-- Each label is compared with each pair of vectors, of which one may be null: by its own vector
-- where that is of one of the models, and by its words, which count for `words` of that. No index
-- has the vectors as they are compared here.
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
-- returns: id uuid, document text, score double precision, vector double precision,
--          lexical double precision, label text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- set: plan_cache_mode = force_generic_plan
SELECT
    top.id,
    (
        SELECT base.document FROM app.base_entity AS base
        WHERE base.id = top.id
    ) AS document,
    top.score,
    top.vector,
    top.lexical,
    top.label
FROM (
    SELECT
        candidate.id,
        best.score,
        best.vector,
        best.lexical,
        best.label
    FROM app.search_candidates($1, $2, $3, $4, $5) AS candidate
    CROSS JOIN
        LATERAL (
            SELECT
                entity_label.label,
                part.vector,
                part.lexical,
                greatest(part.vector, $11 * part.lexical) AS score
            FROM app.entity_label
            CROSS JOIN unnest($6::public.vector[], $7::public.vector[]) AS probe (vector, lexical)
            CROSS JOIN
                LATERAL app.label_likeness(
                    entity_label.embedder,
                    entity_label.embedding_384,
                    entity_label.lexical_384,
                    $8,
                    probe.vector,
                    probe.lexical
                ) AS part
            WHERE
                entity_label.entity_id = candidate.id
                AND entity_label.source = any($9)
            ORDER BY score DESC NULLS LAST, entity_label.label ASC
            LIMIT 1
        ) AS best
    WHERE candidate.id IS DISTINCT FROM $10 AND best.score IS NOT NULL
    ORDER BY best.score DESC, candidate.id ASC
    LIMIT $12
) AS top
ORDER BY top.score DESC, top.id ASC;
