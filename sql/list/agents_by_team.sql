-- name: agents_by_team :many
-- List the members of these teams, newest first.
--
-- param: $1 team_ids uuid[]
-- param: $2 before uuid
-- param: $3 count bigint
-- returns: id uuid, document text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: agent_entity_team_idx
SELECT
    page.id,
    page.document
FROM unnest($1::uuid[]) AS wanted (value)
CROSS JOIN
    LATERAL (
        SELECT
            base_entity.id,
            base_entity.document
        FROM app.agent_entity
        INNER JOIN app.base_entity ON agent_entity.id = base_entity.id
        WHERE
            agent_entity.team_id = wanted.value
            AND agent_entity.id < $2
        ORDER BY agent_entity.id DESC
        LIMIT $3
    ) AS page
ORDER BY page.id DESC
LIMIT $3;
