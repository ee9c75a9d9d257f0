-- name: industries_by_scheme_matching :many
-- List industries by classification, newest first, among those that meet the other
-- filters too.
--
-- No more than `walk` of them are asked for each value; where that ends a row is_last, found
-- or not.
--
-- param: $1 schemes text[]
-- param: $2 before uuid
-- param: $3 count bigint
-- param: $4 filters jsonb
-- param: $5 walk bigint
-- returns: id uuid, document text, is_found boolean, is_last boolean
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: industry_entity_scheme_idx
-- set: plan_cache_mode = force_custom_plan
SELECT
    page.id,
    page.document,
    page.is_found,
    page.is_last
FROM unnest($1::text[]) AS wanted (value)
CROSS JOIN
    LATERAL (
        SELECT
            step.id,
            entity.document,
            entity.id IS NOT NULL AS is_found,
            step.nth = $5 AS is_last
        FROM (
            SELECT
                industry_entity.id,
                row_number() OVER (ORDER BY industry_entity.id DESC) AS nth
            FROM app.industry_entity
            WHERE
                industry_entity.scheme = wanted.value
                AND industry_entity.id < $2
            ORDER BY industry_entity.id DESC
            LIMIT $5
        ) AS step
        LEFT OUTER JOIN LATERAL app.matching_entity(step.id, $4) AS entity ON TRUE
        WHERE entity.id IS NOT NULL OR step.nth = $5
        ORDER BY step.id DESC
        LIMIT $3
    ) AS page
ORDER BY page.id DESC
LIMIT $3;
