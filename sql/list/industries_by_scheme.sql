-- name: industries_by_scheme :many
-- List industries by classification, newest first.
--
-- param: $1 schemes text[]
-- param: $2 before uuid
-- param: $3 count bigint
-- returns: id uuid, document text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: industry_entity_scheme_idx
SELECT
    page.id,
    page.document
FROM unnest($1::text[]) AS wanted (value)
CROSS JOIN
    LATERAL (
        SELECT
            base_entity.id,
            base_entity.document
        FROM app.industry_entity
        INNER JOIN app.base_entity ON industry_entity.id = base_entity.id
        WHERE
            industry_entity.scheme = wanted.value
            AND industry_entity.id < $2
        ORDER BY industry_entity.id DESC
        LIMIT $3
    ) AS page
ORDER BY page.id DESC
LIMIT $3;
