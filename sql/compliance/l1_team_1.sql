-- name: l1_team_1 :many
-- L1-TEAM-1: the job role is in force. What the caller may not see is a draft.
--
-- param: $1 id uuid
-- returns: message text, entity_id uuid
-- raises: -
-- isolation: repeatable read
-- call: function
-- role: app
SELECT
    'Its job role is ' || coalesce(job_role.status, 'draft') || '.' AS message,
    team_entity.job_role_id AS entity_id
FROM app.team_entity
LEFT OUTER JOIN app.base_entity AS job_role
    ON
        team_entity.tenant_id = job_role.tenant_id
        AND team_entity.job_role_id = job_role.id
WHERE team_entity.id = $1 AND app.is_in_force(job_role.status) IS NOT TRUE
ORDER BY message ASC, entity_id ASC
LIMIT 100;
