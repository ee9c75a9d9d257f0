-- name: entities_by_parent :many
-- List the children of these parents, newest first.
--
-- param: $1 kind text
-- param: $2 parent_ids uuid[]
-- param: $3 before uuid
-- param: $4 count bigint
-- returns: id uuid, document text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: entity_parent_parent_idx
SELECT DISTINCT ON (page.id)
    page.id,
    page.document
FROM unnest($2::uuid[]) AS wanted (value)
CROSS JOIN
    LATERAL (
        SELECT
            base_entity.id,
            base_entity.document
        FROM app.entity_parent
        INNER JOIN app.base_entity ON entity_parent.entity_id = base_entity.id
        WHERE
            entity_parent.parent_id = wanted.value
            AND entity_parent.entity_id < $3
            AND base_entity.entity_type = $1
        ORDER BY entity_parent.entity_id DESC
        LIMIT $4
    ) AS page
ORDER BY page.id DESC
LIMIT $4;
