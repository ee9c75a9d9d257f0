-- name: label_count :one
-- Count the labels that a tenant's entities have to have, and those that are there for a model.
--
-- The whole tenant is read for it. Aliases that stand twice are counted twice. Where words stand in
-- for a model, vectors of any serve.
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
            AND ($2 = $3 OR entity_label.embedder IN ($2, 'caller')) -- noqa: ST10
    ) AS present;
