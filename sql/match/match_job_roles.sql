-- name: match_job_roles :many
-- Rank the job roles in force by how well what was given fits what they need.
--
-- What was given (place) stands for skills (ids) by its similarity to each, which counts to the
-- fourth power. A skill weighs the more the fewer roles need it, an optional one 0.3 of that. The
-- score is made of two shares: how much of the need is met, and how much of what was given is
-- used, which counts four times (an F-measure of beta 2). Covered is each of the skills once, by
-- the best that stands for it. What is needed comes by weight.
--
-- param: $1 places bigint[]
-- param: $2 ids uuid[]
-- param: $3 similarities double precision[]
-- param: $4 covered uuid[]
-- param: $5 best double precision[]
-- param: $6 count bigint
-- returns: id uuid, document text, score double precision, needed uuid[]
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- set: plan_cache_mode = force_generic_plan
WITH need AS MATERIALIZED (
    SELECT
        each.job_role_id,
        each.skill_id,
        each.rarity,
        each.weight
    FROM app.skills_needed() AS each
),

given AS MATERIALIZED (
    SELECT
        asked.place,
        asked.skill_id,
        pow(asked.similarity, 4) * max(need.rarity) AS value
    FROM unnest($1::bigint[], $2::uuid[], $3::float8[]) AS asked (place, skill_id, similarity)
    INNER JOIN need ON asked.skill_id = need.skill_id
    GROUP BY asked.place, asked.skill_id, asked.similarity
),

used AS (
    SELECT
        best.job_role_id,
        sum(best.value) AS value
    FROM (
        SELECT
            need.job_role_id,
            max(given.value) AS value
        FROM given
        INNER JOIN need ON given.skill_id = need.skill_id
        GROUP BY need.job_role_id, given.place
    ) AS best
    GROUP BY best.job_role_id
)

SELECT
    used.job_role_id AS id,
    (
        SELECT base.document FROM app.base_entity AS base
        WHERE base.id = used.job_role_id
    ) AS document,
    app.match_score(
        sum(need.weight * coalesce(pow(covered.similarity, 4), 0)) / sum(need.weight),
        used.value / (SELECT sum(top.value) FROM (
            SELECT max(given.value) AS value
            FROM given
            GROUP BY given.place
        ) AS top)
    ) AS score,
    array_agg(need.skill_id ORDER BY need.weight DESC, need.skill_id ASC) AS needed
FROM used
INNER JOIN need ON used.job_role_id = need.job_role_id
LEFT OUTER JOIN unnest($4::uuid[], $5::float8[]) AS covered (skill_id, similarity)
    ON need.skill_id = covered.skill_id
GROUP BY used.job_role_id, used.value
ORDER BY score DESC, id ASC
LIMIT $6;
