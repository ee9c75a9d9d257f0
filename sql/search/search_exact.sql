-- name: search_exact :many
-- Find what is nearest to some vectors among everything that a search is about.
--
-- An entity is as like as its likest label by meaning, where labels have vectors of the models, and
-- as its likest by words, which count for `words` of that: the larger of the two, less four times
-- `around` of what they differ by, less `around` times what its labels fall behind on average. Of
-- several pairs of vectors the likest counts; one of a pair may be null. No index has the vectors
-- as they are compared here.
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
    CROSS JOIN LATERAL app.entity_likeness(candidate.id, $9, $8, $6, $7, $11, $12) AS best
    WHERE candidate.id IS DISTINCT FROM $10 AND best.score IS NOT NULL
    ORDER BY best.score DESC, candidate.id ASC
    LIMIT $13
) AS top
ORDER BY top.score DESC, top.id ASC;
