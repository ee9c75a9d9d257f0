-- name: agents_by_team_matching :many
-- List the members of these teams, newest first, among those that meet the other
-- filters too.
--
-- param: $1 team_ids uuid[]
-- param: $2 before uuid
-- param: $3 count bigint
-- param: $4 filters jsonb
-- returns: id uuid, document text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: agent_entity_team_idx
-- set: plan_cache_mode = force_custom_plan
SELECT
    page.id,
    page.document
FROM unnest($1::uuid[]) AS wanted (value)
CROSS JOIN
    LATERAL (
        SELECT
            entity.id,
            entity.document
        FROM app.agent_entity
        CROSS JOIN LATERAL app.matching_entity(agent_entity.id, $4) AS entity
        WHERE
            agent_entity.team_id = wanted.value
            AND agent_entity.id < $2
        ORDER BY agent_entity.id DESC
        LIMIT $3
    ) AS page
ORDER BY page.id DESC
LIMIT $3;
