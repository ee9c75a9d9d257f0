-- name: entities_by_tag :many
-- List a kind by tag, newest first.
--
-- param: $1 kind text
-- param: $2 tags text[]
-- param: $3 before uuid
-- param: $4 count bigint
-- returns: id uuid, document text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: entity_tag_tag_idx
SELECT DISTINCT ON (page.id)
    page.id,
    page.document
FROM unnest($2::text[]) AS wanted (tag)
CROSS JOIN
    LATERAL (
        SELECT
            base_entity.id,
            base_entity.document
        FROM app.entity_tag
        INNER JOIN app.base_entity ON entity_tag.entity_id = base_entity.id
        WHERE
            entity_tag.entity_type = $1
            AND entity_tag.tag = wanted.tag
            AND entity_tag.entity_id < $3
        ORDER BY entity_tag.entity_id DESC
        LIMIT $4
    ) AS page
ORDER BY page.id DESC
LIMIT $4;
