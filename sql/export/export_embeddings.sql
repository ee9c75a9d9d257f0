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
    asked.id,
    given.embedding
FROM unnest($1::uuid[]) AS asked (id)
CROSS JOIN
    LATERAL (
        SELECT skill_entity.embedding_384::text AS embedding
        FROM app.skill_entity
        WHERE skill_entity.id = asked.id AND skill_entity.embedding_384 IS NOT NULL
        UNION ALL
        SELECT industry_entity.embedding_384::text
        FROM app.industry_entity
        WHERE industry_entity.id = asked.id AND industry_entity.embedding_384 IS NOT NULL
    ) AS given
ORDER BY asked.id ASC
LIMIT 1000;
