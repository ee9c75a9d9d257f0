-- name: l1_team_2 :many
-- L1-TEAM-2: the industry is in force. What the caller may not see is a draft.
--
-- param: $1 id uuid
-- returns: message text, entity_id uuid
-- raises: -
-- isolation: repeatable read
-- call: function
-- role: app
SELECT
    'Its industry is ' || coalesce(industry.status, 'draft') || '.' AS message,
    team_entity.industry_id AS entity_id
FROM app.team_entity
LEFT OUTER JOIN app.base_entity AS industry
    ON
        team_entity.tenant_id = industry.tenant_id
        AND team_entity.industry_id = industry.id
WHERE team_entity.id = $1 AND app.is_in_force(industry.status) IS NOT TRUE
ORDER BY message ASC, entity_id ASC
LIMIT 100;
