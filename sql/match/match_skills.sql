-- name: match_skills :many
-- Find skills by their ids, each with the vectors of its name; a caller's vector wins.
--
-- A skill whose labels are not embedded yet has none.
--
-- param: $1 ids uuid[]
-- returns: id uuid, in_force boolean, embedder text, embedding_384 public.vector,
--          lexical_384 public.vector
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
SELECT
    base.id,
    base.status = any('{certified,active,deprecated}'::text[]) AS in_force,
    named.embedder,
    named.embedding_384,
    named.lexical_384
FROM app.base_entity AS base
LEFT OUTER JOIN
    LATERAL (
        SELECT
            entity_label.embedder,
            entity_label.embedding_384,
            entity_label.lexical_384
        FROM app.entity_label
        WHERE entity_label.entity_id = base.id AND entity_label.source IN ('name', 'caller')
        ORDER BY entity_label.source ASC, entity_label.label_no ASC
        LIMIT 1
    ) AS named
    ON TRUE
WHERE base.id = any($1::uuid[]) AND base.entity_type = 'skill'
ORDER BY base.id ASC;
