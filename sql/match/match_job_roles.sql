-- name: match_job_roles :many
-- Rank the job roles in force by how well what was given fits what they need.
--
-- What was given (place) stands for skills (ids) by its similarity to each, which counts to the
-- fourth power. A skill weighs the more the fewer roles need it, an optional one 0.3 of that. The
-- score is made of two shares: how much of the need is met, and how much of what was given is
-- used, which counts four times (an F-measure of beta 2). Covered is each of the skills once, by
-- the best that stands for it. What is needed comes with its weight, in no order.
--
-- param: $1 places bigint[]
-- param: $2 ids uuid[]
-- param: $3 similarities double precision[]
-- param: $4 covered uuid[]
-- param: $5 best double precision[]
-- param: $6 count bigint
-- returns: id uuid, document text, score double precision, needed uuid[],
--          weights double precision[]
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- set: plan_cache_mode = force_generic_plan
WITH skill AS MATERIALIZED (
    SELECT
        needed.skill_id,
        needed.rarity
    FROM app.skills_needed() AS needed
),

given AS MATERIALIZED (
    SELECT
        asked.place,
        asked.skill_id,
        pow(asked.similarity, 4) * skill.rarity AS value
    FROM unnest($1::bigint[], $2::uuid[], $3::float8[]) AS asked (place, skill_id, similarity)
    INNER JOIN skill ON asked.skill_id = skill.skill_id
),

used AS (
    SELECT
        best.job_role_id,
        sum(best.value) AS value
    FROM (
        SELECT
            link.job_role_id,
            max(given.value) AS value
        FROM given
        INNER JOIN app.job_role_skill AS link ON given.skill_id = link.skill_id
        INNER JOIN app.job_roles_in_force() AS job_role ON link.job_role_id = job_role.id
        GROUP BY link.job_role_id, given.place
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
    array_agg(need.skill_id) AS needed,
    array_agg(need.weight) AS weights
FROM used
CROSS JOIN
    LATERAL (
        SELECT
            link.skill_id,
            skill.rarity * app.relation_weight(link.relation) AS weight
        FROM app.job_role_skill AS link
        INNER JOIN skill ON link.skill_id = skill.skill_id
        WHERE link.job_role_id = used.job_role_id
    ) AS need
LEFT OUTER JOIN unnest($4::uuid[], $5::float8[]) AS covered (skill_id, similarity)
    ON need.skill_id = covered.skill_id
GROUP BY used.job_role_id, used.value
ORDER BY score DESC, id ASC
LIMIT $6;
