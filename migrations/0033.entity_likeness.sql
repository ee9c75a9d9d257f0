-- Search: how like what is asked for an entity is, by all that it is called.
-- depends: 0030.match
--
-- The best by meaning and the best by words need not be one label. An entity that is near in both
-- ways comes before one that is as near in one of them only; of two that share a label comes first
-- the one whose other labels are nearer (p_around). Of several pairs of vectors (one of a pair may
-- be null) the likest counts.
--
-- One SELECT without settings of its own, so that it becomes part of the statement that calls it.
CREATE FUNCTION app.entity_likeness(
    p_id uuid,
    p_sources text[],
    p_models text[],
    p_asked_embeddings public.vector[],
    p_asked_lexicals public.vector[],
    p_words double precision,
    p_around double precision
)
RETURNS TABLE (
    score double precision, vector double precision, lexical double precision, label text
)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT
    likest.best
    - 0.2 * coalesce(abs(likest.vector - $6 * likest.lexical), 0)
    - $7 * (likest.best - likest.mean) AS score,
    likest.vector,
    likest.lexical,
    likest.label
FROM (
    SELECT
        max(part.vector) AS vector,
        max(part.lexical) AS lexical,
        max(greatest(part.vector, $6 * part.lexical)) AS best,
        avg(greatest(part.vector, $6 * part.lexical)) AS mean,
        (array_agg(
            named.label
            ORDER BY greatest(part.vector, $6 * part.lexical) DESC NULLS LAST, named.label ASC
        ))[1] AS label
    FROM unnest($4, $5) WITH ORDINALITY AS asked (vector, lexical, nth)
    CROSS JOIN app.entity_label AS named
    CROSS JOIN
        LATERAL app.label_likeness(
            named.embedder,
            named.embedding_384,
            named.lexical_384,
            $3,
            asked.vector,
            asked.lexical
        ) AS part
    WHERE named.entity_id = $1 AND named.source = any($2)
    GROUP BY asked.nth
) AS likest
ORDER BY score DESC NULLS LAST, likest.label ASC
LIMIT 1;
END;
COMMENT ON FUNCTION app.entity_likeness(
    uuid, text[], text[], public.vector[], public.vector[], double precision, double precision
) IS 'The larger cosine of what the labels of an entity mean and, times p_words, of their characters, less a fifth of what the two differ by, less p_around times what all labels fall behind on average; the cosines; the label that is the likest. NULL: not compared.';
GRANT EXECUTE ON FUNCTION app.entity_likeness(
    uuid, text[], text[], public.vector[], public.vector[], double precision, double precision
) TO plant_app, plant_readonly;
