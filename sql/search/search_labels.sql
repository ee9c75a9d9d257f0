-- name: search_labels :many
-- List what an entity is called, with the vectors of each label.
--
-- param: $1 id uuid
-- param: $2 count bigint
-- returns: embedder text, embedding_384 public.vector, lexical_384 public.vector
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
SELECT
    entity_label.embedder,
    entity_label.embedding_384,
    entity_label.lexical_384
FROM app.entity_label
WHERE entity_label.entity_id = $1 AND entity_label.source <> 'description'
ORDER BY entity_label.label_no ASC
LIMIT $2;
