-- name: verify_strays :many
-- Find rows of a kind that belong to no entity of that kind.
--
-- param: $1 first_tenant uuid
-- param: $2 last_tenant uuid
-- param: $3 count bigint
-- returns: tenant_id uuid, kind text, entity_id uuid, version integer, pos bigint,
--     log_index bigint, fault text
-- raises: -
-- isolation: repeatable read
-- call: text
-- role: worker
SELECT
    part.tenant_id,
    part.kind,
    part.id AS entity_id,
    NULL::integer AS version,
    NULL::bigint AS pos,
    NULL::bigint AS log_index,
    part.table_name AS fault
FROM (
    SELECT
        tenant_id,
        id,
        'skill' AS kind,
        'skill_entity' AS table_name
    FROM app.skill_entity
    UNION ALL
    SELECT
        tenant_id,
        id,
        'industry' AS kind,
        'industry_entity' AS table_name
    FROM app.industry_entity
    UNION ALL
    SELECT
        tenant_id,
        id,
        'job_role' AS kind,
        'job_role_entity' AS table_name
    FROM app.job_role_entity
    UNION ALL
    SELECT
        tenant_id,
        id,
        'team' AS kind,
        'team_entity' AS table_name
    FROM app.team_entity
    UNION ALL
    SELECT
        tenant_id,
        id,
        'agent' AS kind,
        'agent_entity' AS table_name
    FROM app.agent_entity
) AS part
LEFT OUTER JOIN app.base_entity
    ON
        part.tenant_id = base_entity.tenant_id
        AND part.id = base_entity.id
        AND part.kind = base_entity.entity_type
WHERE part.tenant_id BETWEEN $1 AND $2 AND base_entity.id IS NULL
ORDER BY part.tenant_id ASC, part.id ASC, part.table_name ASC
LIMIT $3;
