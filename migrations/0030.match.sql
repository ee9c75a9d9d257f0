-- Matching: which labels may stand for a skill, how alike two of them are, what a skill weighs.
-- depends: 0029.search
--
-- The functions are one expression or SELECT each, without settings of its own, so that they
-- become part of the statement that calls them.

-- OFFSET 0 keeps it a look-up of the row that asks, whatever else is planned around it.
CREATE FUNCTION app.skill_in_force(p_id uuid)
RETURNS TABLE (id uuid)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT base.id
FROM app.base_entity AS base
WHERE
    base.id = $1
    AND base.entity_type = 'skill'
    AND base.status IN ('certified', 'active', 'deprecated')
ORDER BY base.id ASC
OFFSET 0;
END;
COMMENT ON FUNCTION app.skill_in_force(uuid) IS 'The id if it is that of a skill in force.';
GRANT EXECUTE ON FUNCTION app.skill_in_force(uuid) TO plant_app, plant_readonly;

-- 1 is for the very same, which is found by id or name, not here.
-- OFFSET 0 keeps it from being computed once to be compared and once more for the answer.
CREATE FUNCTION app.label_similarity(
    p_embedder text,
    p_embedding public.vector,
    p_lexical public.vector,
    p_models text[],
    p_asked_embedding public.vector,
    p_asked_lexical public.vector,
    p_words double precision
)
RETURNS TABLE (similarity double precision)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT
    least(
        0.999,
        greatest(
            CASE WHEN $1 = any($4) THEN 1 - ($2 OPERATOR (public.<=>) $5) END,
            $7 * (1 - ($3 OPERATOR (public.<=>) $6))
        )
    ) AS similarity
WHERE TRUE
OFFSET 0; -- noqa: AM09
END;
COMMENT ON FUNCTION app.label_similarity(
    text, public.vector, public.vector, text[], public.vector, public.vector, double precision
) IS 'The larger cosine of what a label means and, times p_words, of its characters; NULL: not compared.';
GRANT EXECUTE ON FUNCTION app.label_similarity(
    text, public.vector, public.vector, text[], public.vector, public.vector, double precision
) TO plant_app, plant_readonly;

-- The two orders are those of the indexes, halves included: spelled otherwise they are not used.
CREATE FUNCTION app.skill_labels_near(
    p_vector public.vector, p_lexical public.vector, p_models text[], p_near bigint
)
RETURNS TABLE (
    skill_id uuid,
    label text,
    embedder text,
    embedding_384 public.vector,
    lexical_384 public.vector
)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
(
    SELECT
        named.entity_id,
        named.label,
        named.embedder,
        named.embedding_384,
        named.lexical_384
    FROM app.entity_label AS named
    CROSS JOIN LATERAL app.skill_in_force(named.entity_id)
    WHERE
        $1 IS NOT NULL
        AND named.embedder = any($3)
        AND named.source IN ('name', 'alias', 'caller')
        AND named.entity_type = 'skill'
    ORDER BY
        named.embedding_384::public.halfvec(384) OPERATOR (public.<=>) $1::public.halfvec(384)
    LIMIT $4
)
UNION ALL
(
    SELECT
        named.entity_id,
        named.label,
        named.embedder,
        named.embedding_384,
        named.lexical_384
    FROM app.entity_label AS named
    CROSS JOIN LATERAL app.skill_in_force(named.entity_id)
    WHERE
        $2 IS NOT NULL
        AND named.source IN ('name', 'alias', 'caller')
        AND named.entity_type = 'skill'
    ORDER BY
        named.lexical_384::public.halfvec(384) OPERATOR (public.<=>) $2::public.halfvec(384)
    LIMIT $4
);
END;
COMMENT ON FUNCTION app.skill_labels_near(public.vector, public.vector, text[], bigint) IS 'Labels of skills in force that the indexes give as the nearest by meaning, then by characters.';
GRANT EXECUTE ON FUNCTION app.skill_labels_near(public.vector, public.vector, text[], bigint)
TO plant_app, plant_readonly;

CREATE FUNCTION app.skill_weight(p_roles bigint, p_needing bigint)
RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ln((1 + p_roles)::double precision / (1 + p_needing)) + 1;
COMMENT ON FUNCTION app.skill_weight(bigint, bigint) IS 'What a skill weighs: the more, the fewer of the job roles need it.';
GRANT EXECUTE ON FUNCTION app.skill_weight(bigint, bigint) TO plant_app, plant_readonly;

CREATE FUNCTION app.relation_weight(p_relation text)
RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE p_relation WHEN 'optional' THEN 0.3::double precision ELSE 1::double precision END;
COMMENT ON FUNCTION app.relation_weight(text) IS 'What a skill weighs for a job role: an optional one 0.3 of an essential one.';
GRANT EXECUTE ON FUNCTION app.relation_weight(text) TO plant_app, plant_readonly;

CREATE FUNCTION app.job_roles_in_force()
RETURNS TABLE (id uuid)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT base.id
FROM app.base_entity AS base
WHERE
    base.entity_type = 'job_role'
    AND base.status IN ('certified', 'active', 'deprecated');
END;
COMMENT ON FUNCTION app.job_roles_in_force() IS 'The ids of the job roles in force.';
GRANT EXECUTE ON FUNCTION app.job_roles_in_force() TO plant_app, plant_readonly;

CREATE FUNCTION app.skills_needed()
RETURNS TABLE (skill_id uuid, rarity double precision)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT
    link.skill_id,
    app.skill_weight((SELECT count(*) FROM app.job_roles_in_force()), count(*)) AS rarity
FROM app.job_role_skill AS link
INNER JOIN app.job_roles_in_force() AS job_role ON link.job_role_id = job_role.id
GROUP BY link.skill_id;
END;
COMMENT ON FUNCTION app.skills_needed() IS 'The skills that job roles in force need, and how rare that is.';
GRANT EXECUTE ON FUNCTION app.skills_needed() TO plant_app, plant_readonly;

-- Rounded, so that what scores alike has one order, whichever plan has added it up.
CREATE FUNCTION app.match_score(p_met double precision, p_used double precision)
RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN round(
    CASE
        WHEN p_used IS NULL THEN p_met
        WHEN p_met = 0 OR p_used = 0 THEN 0
        ELSE 5 * p_met * p_used / (4 * p_met + p_used)
    END::numeric,
    6
)::double precision;
COMMENT ON FUNCTION app.match_score(double precision, double precision) IS 'A score from the share of a need that is met and, if there is one, that of what was given which is used; the latter counts four times.';
GRANT EXECUTE ON FUNCTION app.match_score(double precision, double precision)
TO plant_app, plant_readonly;
