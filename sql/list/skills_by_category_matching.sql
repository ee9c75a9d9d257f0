-- name: skills_by_category_matching :many
-- List skills by category, newest first, among those that meet the other filters too.
--
-- param: $1 categories text[]
-- param: $2 before uuid
-- param: $3 count bigint
-- param: $4 filters jsonb
-- returns: id uuid, document text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: skill_entity_category_idx
-- set: plan_cache_mode = force_custom_plan
SELECT
    page.id,
    page.document
FROM unnest($1::text[]) AS wanted (value)
CROSS JOIN
    LATERAL (
        SELECT
            entity.id,
            entity.document
        FROM app.skill_entity
        CROSS JOIN LATERAL app.matching_entity(skill_entity.id, $4) AS entity
        WHERE
            skill_entity.category = wanted.value
            AND skill_entity.id < $2
        ORDER BY skill_entity.id DESC
        LIMIT $3
    ) AS page
ORDER BY page.id DESC
LIMIT $3;
