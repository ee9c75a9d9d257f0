-- name: skills_by_category :many
-- List skills by category, newest first.
--
-- param: $1 categories text[]
-- param: $2 before uuid
-- param: $3 count bigint
-- returns: id uuid, document text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: skill_entity_category_idx
SELECT
    page.id,
    page.document
FROM unnest($1::text[]) AS wanted (value)
CROSS JOIN
    LATERAL (
        SELECT
            base_entity.id,
            base_entity.document
        FROM app.skill_entity
        INNER JOIN app.base_entity ON skill_entity.id = base_entity.id
        WHERE
            skill_entity.category = wanted.value
            AND skill_entity.id < $2
        ORDER BY skill_entity.id DESC
        LIMIT $3
    ) AS page
ORDER BY page.id DESC
LIMIT $3;
