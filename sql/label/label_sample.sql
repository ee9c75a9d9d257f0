-- name: label_sample :many
-- Draw labels of a tenant with their vectors, to compare these with what is computed now.
--
-- The same seed draws the same ones. The whole tenant is read for it. Brought says that the entity
-- has a caller's vector: its other labels are compared by their spelling alone.
--
-- param: $1 tenant_id uuid
-- param: $2 seed bigint
-- param: $3 count bigint
-- returns: entity_id uuid, source text, label text, embedder text, embedding bytea, lexical bytea,
--    brought boolean
-- raises: -
-- isolation: read committed
-- call: text
-- role: worker
WITH drawn AS MATERIALIZED (
    SELECT
        entity_label.entity_id,
        entity_label.label_no
    FROM app.entity_label
    WHERE entity_label.tenant_id = $1
    ORDER BY
        hashtextextended(entity_label.entity_id::text || entity_label.label_no, $2) ASC,
        entity_label.entity_id ASC,
        entity_label.label_no ASC
    LIMIT $3
)

SELECT
    label.entity_id,
    label.source,
    label.label,
    label.embedder,
    public.vector_send(label.embedding_384) AS embedding,
    public.vector_send(label.lexical_384) AS lexical,
    (caller.entity_id IS NOT NULL) AS brought
FROM drawn
INNER JOIN app.entity_label AS label
    ON
        label.tenant_id = $1
        AND drawn.entity_id = label.entity_id
        AND drawn.label_no = label.label_no
LEFT OUTER JOIN app.entity_label AS caller
    ON
        caller.tenant_id = $1
        AND drawn.entity_id = caller.entity_id
        AND caller.source = 'caller'
ORDER BY label.entity_id ASC, label.label_no ASC
LIMIT $3;
