-- name: search_exact :many
-- Find what is nearest to some vectors among everything that a search is about.
--
-- An entity is as like as its likest label by meaning, where labels have vectors of the models, and
-- as its likest by words, which count for `words` of that: the larger of the two, less four times
-- `around` of what they differ by, less `around` times what its labels fall behind on average. Of
-- several pairs of vectors the likest counts; one of a pair may be null. No index has the vectors
-- as they are compared here.
--
-- All labels are read in one pass along their key, for the scores alone; what else there is to tell
-- is worked out by app.entity_likeness for those that are answered. It has the same score, to the
-- last bit: the mean adds up in the same order.
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
    best.score,
    best.vector,
    best.lexical,
    best.label
FROM (
    SELECT
        likest.id,
        max(likest.score) AS score
    FROM (
        SELECT
            named.entity_id AS id,
            max(greatest(part.vector, $11 * part.lexical))
            - 4 * $12::float8 * coalesce(abs(max(part.vector) - $11 * max(part.lexical)), 0)
            - $12 * (
                max(greatest(part.vector, $11 * part.lexical))
                - avg(
                    greatest(part.vector, $11 * part.lexical)
                    ORDER BY greatest(part.vector, $11 * part.lexical) DESC NULLS LAST
                )
            ) AS score
        FROM app.entity_label AS named
        CROSS JOIN
            unnest($6::public.vector[], $7::public.vector[])
            WITH ORDINALITY AS asked (vector, lexical, nth)
        CROSS JOIN
            LATERAL app.label_likeness(
                named.embedder,
                named.embedding_384,
                named.lexical_384,
                $8,
                asked.vector,
                asked.lexical
            ) AS part
        WHERE
            named.source = any($9)
            AND named.entity_id = any(array(
                SELECT candidate.id
                FROM app.search_candidates($1, $2, $3, $4, $5) AS candidate
                WHERE candidate.id IS DISTINCT FROM $10
            ))
        GROUP BY named.entity_id, asked.nth
    ) AS likest
    WHERE likest.score IS NOT NULL
    GROUP BY likest.id
    ORDER BY score DESC, likest.id ASC
    LIMIT $13
) AS top
CROSS JOIN LATERAL app.entity_likeness(top.id, $9, $8, $6, $7, $11, $12) AS best
ORDER BY best.score DESC, top.id ASC;
