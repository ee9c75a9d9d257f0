-- name: match_skills_near :many
-- Find the skills in force that are nearest to each of some probes, as far as the indexes lead.
--
-- As match_skills_exact, of the `near` nearest labels by vector and by characters. Similarities
-- are of the vectors as they are, not of the halves that the indexes have.
--
-- param: $1 vectors public.vector[]
-- param: $2 lexicals public.vector[]
-- param: $3 texts text[]
-- param: $4 leasts double precision[]
-- param: $5 models text[]
-- param: $6 words double precision
-- param: $7 count bigint
-- param: $8 near bigint
-- returns: nth bigint, skill_id uuid, label text, similarity double precision
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
    hit.similarity
FROM
    unnest($1::public.vector[], $2::public.vector[], $3::text[], $4::float8[])
    WITH ORDINALITY AS probe (vector, lexical, text, least, nth)
CROSS JOIN
    LATERAL (
        SELECT
            best.skill_id,
            best.label,
            best.similarity
        FROM (
            SELECT DISTINCT ON (label.skill_id)
                label.skill_id,
                label.label,
                CASE app.name_key(label.label)
                    WHEN app.name_key(probe.text) THEN 1
                    ELSE part.similarity
                END AS similarity
            FROM app.skill_labels_near(probe.vector, probe.lexical, $5, $8) AS label
            CROSS JOIN
                LATERAL app.label_similarity(
                    label.embedder,
                    label.embedding_384,
                    label.lexical_384,
                    $5,
                    probe.vector,
                    probe.lexical,
                    $6
                ) AS part
            WHERE part.similarity >= probe.least
            ORDER BY label.skill_id ASC, similarity DESC, label.label ASC
        ) AS best
        ORDER BY best.similarity DESC, best.skill_id ASC
        LIMIT $7
    ) AS hit
ORDER BY probe.nth ASC, hit.similarity DESC, hit.skill_id ASC;
