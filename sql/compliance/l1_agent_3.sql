-- name: l1_agent_3 :many
-- L1-AGENT-3: skills are in force and cover the job role's essential ones.
--
-- param: $1 id uuid
-- returns: message text, entity_id uuid
-- raises: -
-- isolation: repeatable read
-- call: function
-- role: app
SELECT
    'The skill is ' || coalesce(skill.status, 'draft') || '.' AS message,
    agent_skill.skill_id AS entity_id
FROM app.agent_skill
LEFT OUTER JOIN app.base_entity AS skill
    ON agent_skill.tenant_id = skill.tenant_id AND agent_skill.skill_id = skill.id
WHERE agent_skill.agent_id = $1 AND app.is_in_force(skill.status) IS NOT TRUE
UNION ALL
SELECT
    'The essential skill of its job role is missing.' AS message,
    job_role_skill.skill_id
FROM app.agent_entity
INNER JOIN app.job_role_skill
    ON
        agent_entity.tenant_id = job_role_skill.tenant_id
        AND agent_entity.job_role_id = job_role_skill.job_role_id
        AND job_role_skill.relation = 'essential'
WHERE
    agent_entity.id = $1
    AND NOT EXISTS (
        SELECT
        FROM app.agent_skill
        WHERE
            agent_skill.tenant_id = agent_entity.tenant_id
            AND agent_skill.agent_id = agent_entity.id
            AND agent_skill.skill_id = job_role_skill.skill_id
    )
ORDER BY entity_id ASC, message ASC
LIMIT 100;
