-- name: verify_stray_links :many
-- Find links and tags that belong to no entity of their kind.
--
-- Each is looked up by itself: a join is planned as if most of them were strays, and compares a
-- tenant's links with all of its entities.
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
-- plan: base_entity_kind_key
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
        job_role_id AS id,
        'job_role' AS kind,
        'job_role_skill' AS table_name
    FROM app.job_role_skill
    UNION ALL
    SELECT
        tenant_id,
        agent_id AS id,
        'agent' AS kind,
        'agent_skill' AS table_name
    FROM app.agent_skill
    UNION ALL
    SELECT
        tenant_id,
        entity_id AS id,
        entity_type AS kind,
        'entity_parent' AS table_name
    FROM app.entity_parent
    UNION ALL
    SELECT
        tenant_id,
        entity_id AS id,
        entity_type AS kind,
        'entity_tag' AS table_name
    FROM app.entity_tag
) AS part
LEFT OUTER JOIN
    LATERAL (
        SELECT base_entity.id
        FROM app.base_entity
        WHERE
            part.tenant_id = base_entity.tenant_id
            AND part.id = base_entity.id
            AND part.kind = base_entity.entity_type
        ORDER BY base_entity.id ASC
        LIMIT 1
    ) AS entity
    ON TRUE
WHERE part.tenant_id BETWEEN $1 AND $2 AND entity.id IS NULL
ORDER BY part.tenant_id ASC, part.id ASC, part.table_name ASC
LIMIT $3;
