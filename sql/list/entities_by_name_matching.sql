-- name: entities_by_name_matching :many
-- List a kind by prefixes of the name, in the order of names, among those that meet
-- the other filters too.
--
-- No more than `walk` of them are asked for each prefix; where that ends a row is_last, found
-- or not. The state and the external id stand in the row that drives: no look-up for these.
--
-- param: $1 kind text
-- param: $2 prefixes text[]
-- param: $3 after_name text
-- param: $4 after_id uuid
-- param: $5 count bigint
-- param: $6 filters jsonb
-- param: $7 walk bigint
-- returns: id uuid, document text, is_found boolean, is_last boolean, name_key text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: base_entity_name_idx
-- set: plan_cache_mode = force_custom_plan
SELECT
    page.id,
    page.document,
    page.is_found,
    page.is_last,
    page.name_key
FROM app.name_ranges($2::text[]) AS wanted
CROSS JOIN
    LATERAL (
        SELECT
            step.id,
            entity.document,
            entity.id IS NOT NULL AS is_found,
            step.nth = $7 AS is_last,
            step.name_key
        FROM (
            SELECT
                base_entity.id,
                base_entity.name_key,
                CASE
                    WHEN
                        ($6::jsonb -> 'status') ? base_entity.status IS NOT FALSE
                        AND ($6::jsonb -> 'external_id') ? base_entity.external_id IS NOT FALSE
                        THEN base_entity.id
                END AS asked_id,
                row_number() OVER (
                    ORDER BY base_entity.name_key ASC, base_entity.id DESC
                ) AS nth
            FROM app.base_entity
            WHERE
                base_entity.entity_type = $1
                AND base_entity.name_key >= wanted.low
                AND base_entity.name_key < wanted.high
                AND base_entity.name_key >= $3
                AND (base_entity.name_key > $3 OR base_entity.id < $4)
            ORDER BY base_entity.name_key ASC, base_entity.id DESC
            LIMIT $7
        ) AS step
        LEFT OUTER JOIN LATERAL app.matching_entity(step.asked_id, $6) AS entity ON TRUE
        WHERE entity.id IS NOT NULL OR step.nth = $7
        ORDER BY step.name_key ASC, step.id DESC
        LIMIT $5
    ) AS page
ORDER BY page.name_key ASC, page.id DESC
LIMIT $5;
