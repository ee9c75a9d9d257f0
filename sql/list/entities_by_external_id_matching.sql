-- name: entities_by_external_id_matching :many
-- List a kind by external ids, newest first, among those that meet the other filters
-- too.
--
-- param: $1 kind text
-- param: $2 external_ids text[]
-- param: $3 before uuid
-- param: $4 count bigint
-- param: $5 filters jsonb
-- returns: id uuid, document text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: base_entity_external_id_key
-- set: plan_cache_mode = force_custom_plan
SELECT
    base_entity.id,
    entity.document
FROM unnest($2::text[]) AS wanted (external_id)
INNER JOIN app.base_entity ON wanted.external_id = base_entity.external_id
CROSS JOIN LATERAL app.matching_entity(base_entity.id, $5) AS entity
WHERE
    base_entity.entity_type = $1
    AND base_entity.id < $3
ORDER BY base_entity.id DESC
LIMIT $4;
