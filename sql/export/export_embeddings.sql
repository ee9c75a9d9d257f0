-- name: export_embeddings :many
-- Read the vectors that callers have given to the skills and industries of a page of an export.
--
-- param: $1 ids uuid[]
-- returns: id uuid, embedding text
-- raises: -
-- isolation: repeatable read
-- call: function
-- role: app
-- plan: skill_entity_pkey
-- plan: industry_entity_pkey
-- set: plan_cache_mode = force_generic_plan
SELECT
    skill_entity.id,
    skill_entity.embedding_384::text AS embedding
FROM app.skill_entity
WHERE skill_entity.id = any($1) AND skill_entity.embedding_384 IS NOT NULL
UNION ALL
SELECT
    industry_entity.id,
    industry_entity.embedding_384::text AS embedding
FROM app.industry_entity
WHERE industry_entity.id = any($1) AND industry_entity.embedding_384 IS NOT NULL
ORDER BY id ASC
LIMIT 1000;
