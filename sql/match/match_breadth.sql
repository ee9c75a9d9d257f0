-- name: match_breadth :one
-- Count the labels of skills, no further than to a number.
--
-- Which of them are counted is no matter, so they are in no order.
--
-- param: $1 most bigint
-- returns: labels bigint
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
SELECT count(*) AS labels
FROM (
    SELECT entity_label.label_no
    FROM app.entity_label
    WHERE entity_label.entity_type = 'skill'
    LIMIT $1 -- noqa: AM09
) AS counted;
