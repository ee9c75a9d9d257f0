-- name: entities_by_tag_matching :many
-- List a kind by tag, newest first, among those that meet the other filters too.
--
-- param: $1 kind text
-- param: $2 tags text[]
-- param: $3 before uuid
-- param: $4 count bigint
-- param: $5 filters jsonb
-- returns: id uuid, document text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: entity_tag_tag_idx
-- set: plan_cache_mode = force_custom_plan
SELECT DISTINCT ON (page.id)
    page.id,
    page.document
FROM unnest($2::text[]) AS wanted (tag)
CROSS JOIN
    LATERAL (
        SELECT
            entity.id,
            entity.document
        FROM app.entity_tag
        CROSS JOIN LATERAL app.matching_entity(entity_tag.entity_id, $5) AS entity
        WHERE
            entity_tag.entity_type = $1
            AND entity_tag.tag = wanted.tag
            AND entity_tag.entity_id < $3
        ORDER BY entity_tag.entity_id DESC
        LIMIT $4
    ) AS page
ORDER BY page.id DESC
LIMIT $4;
