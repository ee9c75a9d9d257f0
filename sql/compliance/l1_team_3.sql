-- name: l1_team_3 :many
-- L1-TEAM-3: at least one member, and all share job role and industry.
-- What is a draft or archived is no member.
--
-- param: $1 id uuid
-- returns: message text, entity_id uuid
-- raises: -
-- isolation: repeatable read
-- call: function
-- role: app
WITH member AS (
    SELECT
        agent_entity.id,
        agent_entity.job_role_id <> team_entity.job_role_id
        OR agent_entity.industry_id <> team_entity.industry_id AS differs
    FROM app.team_entity
    INNER JOIN app.agent_entity
        ON
            team_entity.tenant_id = agent_entity.tenant_id
            AND team_entity.id = agent_entity.team_id
    INNER JOIN app.base_entity AS agent
        ON agent_entity.tenant_id = agent.tenant_id AND agent_entity.id = agent.id
    WHERE team_entity.id = $1 AND agent.status NOT IN ('draft', 'archived')
)

SELECT
    'The member has another job role or industry.' AS message,
    member.id AS entity_id
FROM member
WHERE member.differs
UNION ALL
SELECT
    'A team needs at least one member.' AS message,
    NULL AS entity_id
WHERE NOT EXISTS (SELECT FROM member)
ORDER BY entity_id ASC
LIMIT 100;
