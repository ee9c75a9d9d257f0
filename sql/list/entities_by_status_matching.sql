-- name: entities_by_status_matching :many
-- List a kind by state, newest first: one ordered scan per state, merged, among those
-- that meet the other filters too.
--
-- param: $1 kind text
-- param: $2 statuses text[]
-- param: $3 before uuid
-- param: $4 count bigint
-- param: $5 filters jsonb
-- returns: id uuid, document text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: base_entity_status_idx
-- set: plan_cache_mode = force_custom_plan
SELECT
    page.id,
    page.document
FROM unnest($2::text[]) AS wanted (status)
CROSS JOIN
    LATERAL (
        SELECT
            base_entity.id,
            entity.document
        FROM app.base_entity
        CROSS JOIN LATERAL app.matching_entity(base_entity.id, $5) AS entity
        WHERE
            base_entity.entity_type = $1
            AND base_entity.status = wanted.status
            AND base_entity.id < $3
        ORDER BY base_entity.id DESC
        LIMIT $4
    ) AS page
ORDER BY page.id DESC
LIMIT $4;
