-- name: l1_ref_1 :many
-- L1-REF-1: what it refers to is not archived, where no other check asks for more.
--
-- param: $1 id uuid
-- returns: message text, entity_id uuid
-- raises: -
-- isolation: repeatable read
-- call: function
-- role: app
SELECT
    'Its ' || replace(entity_reference.relation, '_', ' ') || ' is archived.' AS message,
    entity_reference.target_id AS entity_id
FROM app.entity_reference
INNER JOIN app.base_entity AS dependent
    ON
        entity_reference.tenant_id = dependent.tenant_id
        AND entity_reference.dependent_id = dependent.id
INNER JOIN app.base_entity AS target
    ON
        entity_reference.tenant_id = target.tenant_id
        AND entity_reference.target_id = target.id
WHERE
    entity_reference.dependent_id = $1
    AND target.status = 'archived'
    AND (
        entity_reference.relation IN ('parent', 'optional_skill', 'team')
        OR (entity_reference.relation = 'industry' AND dependent.entity_type = 'job_role')
    )
ORDER BY entity_reference.target_id ASC, entity_reference.relation ASC
LIMIT 100;
