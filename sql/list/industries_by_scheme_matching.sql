-- name: industries_by_scheme_matching :many
-- List industries by classification, newest first, among those that meet the other
-- filters too.
--
-- param: $1 schemes text[]
-- param: $2 before uuid
-- param: $3 count bigint
-- param: $4 filters jsonb
-- returns: id uuid, document text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: industry_entity_scheme_idx
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
        FROM app.industry_entity
        CROSS JOIN LATERAL app.matching_entity(industry_entity.id, $4) AS entity
        WHERE
            industry_entity.scheme = wanted.value
            AND industry_entity.id < $2
        ORDER BY industry_entity.id DESC
        LIMIT $3
    ) AS page
ORDER BY page.id DESC
LIMIT $3;
