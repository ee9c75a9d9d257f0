-- name: governance_agent_by_name :maybe
-- Find a governance agent of a tenant by name.
--
-- param: $1 tenant_id uuid
-- param: $2 name text
-- returns: id uuid
-- raises: -
-- isolation: read committed
-- call: text
-- role: owner
SELECT governance_agent.id
FROM app.governance_agent
WHERE governance_agent.tenant_id = $1 AND governance_agent.name = $2;
