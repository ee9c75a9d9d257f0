-- name: match_skills_near :many
-- Find the skills in force that are nearest to each of some probes, as far as the indexes lead.
--
-- As match_skills_exact, however near they are, of the `near` nearest labels by vector and by
-- characters. Similarities are of the vectors as they are, not of the halves that the indexes have.
-- Every row says how many labels the indexes gave for its probe, in both lists: where these are
-- fewer than were asked for, there are no more, or an index ended among others'. A probe that none
-- was given for has no row.
--
-- param: $1 vectors public.vector[]
-- param: $2 lexicals public.vector[]
-- param: $3 texts text[]
-- param: $4 models text[]
-- param: $5 words double precision
-- param: $6 count bigint
-- param: $7 near bigint
-- returns: nth bigint, skill_id uuid, label text, similarity double precision, led bigint
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
    probe.nth,
    hit.skill_id,
    hit.label,
    hit.similarity,
    hit.led
FROM
    unnest($1::public.vector[], $2::public.vector[], $3::text[])
    WITH ORDINALITY AS probe (vector, lexical, text, nth)
CROSS JOIN
    LATERAL (
        SELECT
            best.skill_id,
            best.label,
            best.similarity,
            best.led
        FROM (
            SELECT DISTINCT ON (label.skill_id)
                label.skill_id,
                label.label,
                CASE
                    WHEN part.similarity IS NULL THEN NULL
                    WHEN app.name_key(label.label) = app.name_key(probe.text) THEN 1
                    ELSE part.similarity
                END AS similarity,
                count(*) OVER () AS led
            FROM app.skill_labels_near(probe.vector, probe.lexical, $4, $7) AS label
            CROSS JOIN
                LATERAL app.label_similarity(
                    label.embedder,
                    label.embedding_384,
                    label.lexical_384,
                    $4,
                    probe.vector,
                    probe.lexical,
                    $5
                ) AS part
            ORDER BY label.skill_id ASC, similarity DESC NULLS LAST, label.label ASC
        ) AS best
        ORDER BY best.similarity DESC NULLS LAST, best.skill_id ASC
        LIMIT $6
    ) AS hit
ORDER BY probe.nth ASC, hit.similarity DESC NULLS LAST, hit.skill_id ASC;
