-- name: match_skills_exact :many
-- Find the skills in force that are nearest to each of some probes, comparing all of them.
--
-- A probe is a vector, one of characters, or both, with a text if it was one, and the least
-- similarity that counts. A skill is as near as its nearest name or alias: by the vector where
-- that is of one of the models, and by the characters, which count for `words` of that. What is
-- called as the text says is 1.
--
-- param: $1 vectors public.vector[]
-- param: $2 lexicals public.vector[]
-- param: $3 texts text[]
-- param: $4 leasts double precision[]
-- param: $5 models text[]
-- param: $6 words double precision
-- param: $7 count bigint
-- returns: nth bigint, skill_id uuid, label text, similarity double precision
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- set: plan_cache_mode = force_generic_plan
SELECT
    placed.nth,
    placed.skill_id,
    placed.label,
    placed.similarity
FROM (
    SELECT
        best.nth,
        best.skill_id,
        best.label,
        best.similarity,
        row_number() OVER (
            PARTITION BY best.nth
            ORDER BY best.similarity DESC, best.skill_id ASC
        ) AS place
    FROM (
        SELECT DISTINCT ON (probe.nth, named.entity_id)
            probe.nth,
            named.entity_id AS skill_id,
            named.label,
            CASE app.name_key(named.label)
                WHEN app.name_key(probe.text) THEN 1
                ELSE part.similarity
            END AS similarity
        FROM app.base_entity AS base
        INNER JOIN app.entity_label AS named ON base.id = named.entity_id
        CROSS JOIN
            unnest($1::public.vector[], $2::public.vector[], $3::text[], $4::float8[])
            WITH ORDINALITY AS probe (vector, lexical, text, least, nth)
        CROSS JOIN
            LATERAL app.label_similarity(
                named.embedder,
                named.embedding_384,
                named.lexical_384,
                $5,
                probe.vector,
                probe.lexical,
                $6
            ) AS part
        WHERE
            base.entity_type = 'skill'
            AND base.status IN ('certified', 'active', 'deprecated')
            AND named.source IN ('name', 'alias', 'caller')
            AND part.similarity >= probe.least
        ORDER BY probe.nth ASC, named.entity_id ASC, similarity DESC, named.label ASC
    ) AS best
) AS placed
WHERE placed.place <= $7
ORDER BY placed.nth ASC, placed.place ASC
LIMIT $7 * cardinality($4::float8[]);
