-- name: l1_role_2 :many
-- L1-ROLE-2: all essential skills are in force. What the caller may not see is a draft.
--
-- param: $1 id uuid
-- returns: message text, entity_id uuid
-- raises: -
-- isolation: repeatable read
-- call: function
-- role: app
SELECT
    'The essential skill is ' || coalesce(skill.status, 'draft') || '.' AS message,
    job_role_skill.skill_id AS entity_id
FROM app.job_role_skill
LEFT OUTER JOIN app.base_entity AS skill
    ON
        job_role_skill.tenant_id = skill.tenant_id
        AND job_role_skill.skill_id = skill.id
WHERE
    job_role_skill.job_role_id = $1
    AND job_role_skill.relation = 'essential'
    AND app.is_in_force(skill.status) IS NOT TRUE
ORDER BY job_role_skill.skill_id ASC
LIMIT 100;
