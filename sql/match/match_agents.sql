-- name: match_agents :many
-- Rank the agents in force by how much of what a job role needs their skills cover.
--
-- A needed skill is covered by one that the agent has and that stands for it (pairs of needed and
-- held), by how alike the two are, which counts to the fourth power. A skill weighs the more the
-- fewer roles in force need it, an optional one 0.3 of that. What is needed comes by weight, with
-- what covers it and how alike it is.
--
-- param: $1 job_role_id uuid
-- param: $2 needed uuid[]
-- param: $3 held uuid[]
-- param: $4 similarities double precision[]
-- param: $5 count bigint
-- returns: id uuid, document text, score double precision, needed uuid[], by_ids uuid[],
--          similarities double precision[]
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- set: plan_cache_mode = force_generic_plan
WITH need AS MATERIALIZED (
    SELECT
        link.skill_id,
        app.skill_weight(roles.count, needing.count)
        * app.relation_weight(link.relation) AS weight
    FROM app.job_role_skill AS link
    CROSS JOIN (SELECT count(*) AS count FROM app.job_roles_in_force()) AS roles
    CROSS JOIN
        LATERAL (
            SELECT count(*) AS count FROM app.job_role_skill AS other
            INNER JOIN app.job_roles_in_force() AS job_role ON other.job_role_id = job_role.id
            WHERE other.skill_id = link.skill_id
        ) AS needing
    WHERE link.job_role_id = $1
),

covering AS MATERIALIZED (
    SELECT DISTINCT ON (agent.id, pair.needed)
        agent.id,
        pair.needed AS skill_id,
        pair.held AS by_id,
        pair.similarity
    FROM unnest($2::uuid[], $3::uuid[], $4::float8[]) AS pair (needed, held, similarity)
    INNER JOIN app.agent_skill AS owned ON pair.held = owned.skill_id
    INNER JOIN app.base_entity AS agent ON owned.agent_id = agent.id
    WHERE agent.status IN ('certified', 'active', 'deprecated')
    ORDER BY agent.id ASC, pair.needed ASC, pair.similarity DESC, pair.held ASC
),

best AS (
    SELECT
        covering.id,
        app.match_score(
            sum(need.weight * pow(covering.similarity, 4))
            / (SELECT sum(every.weight) FROM need AS every), NULL
        ) AS score
    FROM covering INNER JOIN need ON covering.skill_id = need.skill_id
    GROUP BY covering.id
    ORDER BY score DESC, covering.id ASC
    LIMIT $5
)

SELECT
    best.id,
    (
        SELECT base.document FROM app.base_entity AS base
        WHERE base.id = best.id
    ) AS document,
    best.score,
    array_agg(need.skill_id ORDER BY need.weight DESC, need.skill_id ASC) AS needed,
    array_agg(covering.by_id ORDER BY need.weight DESC, need.skill_id ASC) AS by_ids,
    array_agg(covering.similarity ORDER BY need.weight DESC, need.skill_id ASC) AS similarities
FROM best
CROSS JOIN need
LEFT OUTER JOIN covering ON best.id = covering.id AND need.skill_id = covering.skill_id
GROUP BY best.id, best.score
ORDER BY best.score DESC, best.id ASC;
