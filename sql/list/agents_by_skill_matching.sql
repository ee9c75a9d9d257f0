-- name: agents_by_skill_matching :many
-- List agents that have any of these skills, newest first, among those that meet the
-- other filters too.
--
-- param: $1 skill_ids uuid[]
-- param: $2 before uuid
-- param: $3 count bigint
-- param: $4 filters jsonb
-- returns: id uuid, document text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: agent_skill_skill_idx
-- set: plan_cache_mode = force_custom_plan
SELECT DISTINCT ON (page.id)
    page.id,
    page.document
FROM unnest($1::uuid[]) AS wanted (value)
CROSS JOIN
    LATERAL (
        SELECT
            entity.id,
            entity.document
        FROM app.agent_skill
        CROSS JOIN LATERAL app.matching_entity(agent_skill.agent_id, $4) AS entity
        WHERE
            agent_skill.skill_id = wanted.value
            AND agent_skill.agent_id < $2
        ORDER BY agent_skill.agent_id DESC
        LIMIT $3
    ) AS page
ORDER BY page.id DESC
LIMIT $3;
