-- name: search_pair_labels :many
-- List what the entities of a kind behind an id are called, as vectors, entity by entity.
--
-- Of each label the vector where it is of one of the models, and that of its words.
-- An entity that is not embedded has one row without any, so that the last row leads on.
--
-- param: $1 kind text
-- param: $2 statuses text[]
-- param: $3 models text[]
-- param: $4 sources text[]
-- param: $5 after uuid
-- param: $6 count bigint
-- returns: id uuid, vector public.vector, lexical public.vector
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: base_entity_kind_key
-- set: plan_cache_mode = force_generic_plan
SELECT
    page.id,
    CASE WHEN label.embedder = any($3) THEN label.embedding_384 END AS vector,
    label.lexical_384 AS lexical
FROM (
    SELECT base.id
    FROM app.base_entity AS base
    WHERE
        base.entity_type = $1
        AND base.id > $5
        AND base.status = any($2)
    ORDER BY base.id ASC
    LIMIT $6
) AS page
LEFT OUTER JOIN app.entity_label AS label
    ON page.id = label.entity_id AND label.source = any($4)
ORDER BY page.id ASC, label.label_no ASC;
