-- name: entities_by_parent_matching :many
-- List the children of these parents, newest first, among those that meet the other
-- filters too.
--
-- No more than `walk` of them are asked for each value; where that ends a row is_last, found
-- or not.
--
-- param: $1 kind text
-- param: $2 parent_ids uuid[]
-- param: $3 before uuid
-- param: $4 count bigint
-- param: $5 filters jsonb
-- param: $6 walk bigint
-- returns: id uuid, document text, is_found boolean, is_last boolean
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: entity_parent_parent_idx
-- set: plan_cache_mode = force_custom_plan
SELECT DISTINCT ON (page.id)
    page.id,
    page.document,
    page.is_found,
    page.is_last
FROM unnest($2::uuid[]) AS wanted (value)
CROSS JOIN
    LATERAL (
        SELECT
            step.id,
            entity.document,
            entity.id IS NOT NULL AS is_found,
            step.nth = $6 AS is_last
        FROM (
            SELECT
                entity_parent.entity_id AS id,
                row_number() OVER (ORDER BY entity_parent.entity_id DESC) AS nth
            FROM app.entity_parent
            WHERE
                entity_parent.parent_id = wanted.value
                AND entity_parent.entity_id < $3
                AND entity_parent.entity_type = $1
            ORDER BY entity_parent.entity_id DESC
            LIMIT $6
        ) AS step
        LEFT OUTER JOIN LATERAL app.matching_entity(step.id, $5) AS entity ON TRUE
        WHERE entity.id IS NOT NULL OR step.nth = $6
        ORDER BY step.id DESC
        LIMIT $4
    ) AS page
ORDER BY page.id DESC, page.is_last DESC
LIMIT $4;
