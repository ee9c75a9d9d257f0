-- name: l0_01 :many
-- L0-01: a registered governance agent is accountable.
--
-- param: $1 id uuid
-- returns: message text, entity_id uuid
-- raises: -
-- isolation: repeatable read
-- call: function
-- role: app
SELECT
    'Its governance agent is not registered.' AS message,
    base_entity.governance_agent_id AS entity_id
FROM app.base_entity
WHERE
    base_entity.id = $1
    AND NOT EXISTS (
        SELECT
        FROM app.governance_agent
        WHERE
            governance_agent.tenant_id = base_entity.tenant_id
            AND governance_agent.id = base_entity.governance_agent_id
    )
ORDER BY message ASC, entity_id ASC
LIMIT 100;
