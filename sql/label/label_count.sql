-- name: label_count :one
-- Count the labels that a tenant's entities have to have, and those that are there for a model.
--
-- The whole tenant is read for it. Aliases that stand twice are counted twice. Where words stand in
-- for a model, vectors of any serve; what an entity is called that has brought a vector is compared
-- by words alone. The vector that was brought is a label more, and is not counted.
--
-- param: $1 tenant_id uuid
-- param: $2 model text
-- param: $3 words text
-- returns: wanted bigint, present bigint
-- raises: -
-- isolation: read committed
-- call: text
-- role: worker
SELECT
    coalesce(
        (
            SELECT sum(1 + num_nonnulls(base_entity.description) + cardinality(base_entity.aliases))
            FROM app.base_entity
            WHERE base_entity.tenant_id = $1
        ),
        0
    )::bigint AS wanted,
    (
        SELECT count(*)
        FROM app.entity_label
        WHERE
            entity_label.tenant_id = $1
            AND entity_label.source <> 'caller'
            AND (
                $2 = $3 -- noqa: ST10
                OR entity_label.embedder = $2
                OR (
                    entity_label.embedder = $3
                    AND entity_label.entity_id IN (
                        SELECT brought.entity_id
                        FROM app.entity_label AS brought
                        WHERE brought.tenant_id = $1 AND brought.source = 'caller'
                    )
                )
            )
    ) AS present;
