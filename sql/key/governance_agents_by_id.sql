-- name: governance_agents_by_id :many
-- Find the names of governance agents of the caller's tenant.
--
-- param: $1 ids uuid[]
-- returns: id uuid, name text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: governance_agent_pkey
SELECT
    governance_agent.id,
    governance_agent.name
FROM unnest($1::uuid[]) AS wanted (id)
INNER JOIN app.governance_agent ON wanted.id = governance_agent.id
ORDER BY governance_agent.id ASC
LIMIT 100;
