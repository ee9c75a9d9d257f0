-- name: entities_by_parent_matching :many
-- List the children of these parents, newest first, among those that meet the other
-- filters too.
--
-- param: $1 kind text
-- param: $2 parent_ids uuid[]
-- param: $3 before uuid
-- param: $4 count bigint
-- param: $5 filters jsonb
-- returns: id uuid, document text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: entity_parent_parent_idx
-- set: plan_cache_mode = force_custom_plan
SELECT DISTINCT ON (page.id)
    page.id,
    page.document
FROM unnest($2::uuid[]) AS wanted (value)
CROSS JOIN
    LATERAL (
        SELECT
            entity.id,
            entity.document
        FROM app.entity_parent
        CROSS JOIN LATERAL app.matching_entity(entity_parent.entity_id, $5) AS entity
        WHERE
            entity_parent.parent_id = wanted.value
            AND entity_parent.entity_id < $3
            AND entity_parent.entity_type = $1
        ORDER BY entity_parent.entity_id DESC
        LIMIT $4
    ) AS page
ORDER BY page.id DESC
LIMIT $4;
