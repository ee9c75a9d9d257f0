-- name: l1_ind_2 :many
-- L1-IND-2: scheme and code are consistent; parents form no cycle.
--
-- param: $1 id uuid
-- returns: message text, entity_id uuid
-- raises: -
-- isolation: repeatable read
-- call: function
-- role: app
WITH RECURSIVE ancestor AS (
    SELECT entity_parent.parent_id AS id
    FROM app.entity_parent
    WHERE entity_parent.entity_id = $1
    UNION
    SELECT entity_parent.parent_id
    FROM ancestor
    INNER JOIN app.entity_parent ON ancestor.id = entity_parent.entity_id
)

SELECT
    'It is among its own ancestors.' AS message,
    ancestor.id AS entity_id
FROM ancestor
WHERE ancestor.id = $1
UNION ALL
SELECT
    'Scheme, code and level are given together or not at all.' AS message,
    NULL AS entity_id
FROM app.industry_entity
WHERE
    industry_entity.id = $1
    AND num_nulls(industry_entity.scheme, industry_entity.code, industry_entity.level)
    NOT IN (0, 3)
UNION ALL
SELECT
    'Another industry has its scheme and code.' AS message,
    other.id AS entity_id
FROM app.industry_entity
INNER JOIN app.industry_entity AS other
    ON
        industry_entity.tenant_id = other.tenant_id
        AND industry_entity.scheme = other.scheme
        AND industry_entity.code = other.code
        AND industry_entity.id <> other.id
WHERE industry_entity.id = $1
ORDER BY message ASC, entity_id ASC
LIMIT 100;
