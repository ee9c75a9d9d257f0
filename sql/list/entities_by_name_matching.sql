-- name: entities_by_name_matching :many
-- List a kind by prefixes of the name, in the order of names, among those that meet
-- the other filters too.
--
-- param: $1 kind text
-- param: $2 prefixes text[]
-- param: $3 after_name text
-- param: $4 after_id uuid
-- param: $5 count bigint
-- param: $6 filters jsonb
-- returns: id uuid, document text, name_key text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: base_entity_name_idx
-- set: plan_cache_mode = force_custom_plan
SELECT DISTINCT ON (page.name_key, page.id)
    page.id,
    page.document,
    page.name_key
FROM unnest($2::text[]) AS wanted (prefix)
CROSS JOIN
    LATERAL (
        SELECT
            base_entity.id,
            entity.document,
            base_entity.name_key
        FROM app.base_entity
        CROSS JOIN LATERAL app.matching_entity(base_entity.id, $6) AS entity
        WHERE
            base_entity.entity_type = $1
            AND base_entity.name_key >= app.name_key(wanted.prefix)
            AND base_entity.name_key < app.prefix_end(app.name_key(wanted.prefix))
            AND base_entity.name_key >= $3
            AND (base_entity.name_key > $3 OR base_entity.id < $4)
        ORDER BY base_entity.name_key ASC, base_entity.id DESC
        LIMIT $5
    ) AS page
ORDER BY page.name_key ASC, page.id DESC
LIMIT $5;
