-- name: governance_agent_add :maybe
-- Make a governance agent of a tenant unless there is one of that name.
--
-- param: $1 tenant_id uuid
-- param: $2 name text
-- returns: id uuid
-- raises: -
-- isolation: read committed
-- call: text
-- role: owner
INSERT INTO app.governance_agent (tenant_id, name)
VALUES ($1, $2)
ON CONFLICT (tenant_id, name) DO NOTHING
RETURNING governance_agent.id;
