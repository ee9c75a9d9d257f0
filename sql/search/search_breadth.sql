-- name: search_breadth :one
-- Count the labels of what a search is about, no further than to a number.
--
-- Which of them are counted is no matter, so they are in no order.
--
-- param: $1 kinds text[]
-- param: $2 statuses text[]
-- param: $3 categories text[]
-- param: $4 tags text[]
-- param: $5 industry_ids uuid[]
-- param: $6 most bigint
-- returns: labels bigint
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- set: plan_cache_mode = force_generic_plan
SELECT count(*) AS labels
FROM (
    SELECT label.label_no
    FROM app.search_candidates($1, $2, $3, $4, $5) AS candidate
    CROSS JOIN
        LATERAL (
            SELECT entity_label.label_no
            FROM app.entity_label
            WHERE entity_label.entity_id = candidate.id
            ORDER BY entity_label.label_no ASC
            OFFSET 0
        ) AS label
    LIMIT $6 -- noqa: AM09
) AS counted;
