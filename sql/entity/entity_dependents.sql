-- name: entity_dependents :many
-- List the entities that refer to an entity, newest first, as far as the caller sees them.
--
-- Nobody sees who refers to what they do not see themselves. Of any two entities one refers to
-- the other in one way at most: each relation is between other kinds, or has one row for a pair.
--
-- param: $1 kind text
-- param: $2 id uuid
-- param: $3 before_id uuid
-- param: $4 count bigint
-- returns: id uuid, entity_type text, name text, status text, relation text, in_force boolean
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
SELECT
    base.id,
    base.entity_type,
    base.name,
    base.status,
    found.relation,
    app.is_in_force(base.status) AS in_force
FROM (
    SELECT
        reference.dependent_id,
        reference.relation
    FROM app.entity_reference AS reference
    WHERE
        reference.target_id = $2
        AND reference.dependent_id < $3
        AND EXISTS (
            SELECT
            FROM app.base_entity AS target
            WHERE target.id = $2 AND target.entity_type = $1
        )
    ORDER BY reference.dependent_id DESC
    LIMIT $4
) AS found
CROSS JOIN
    LATERAL (
        SELECT
            base_entity.id,
            base_entity.entity_type,
            base_entity.name,
            base_entity.status
        FROM app.base_entity
        WHERE base_entity.id = found.dependent_id
        ORDER BY base_entity.id ASC
        LIMIT 1
    ) AS base
ORDER BY base.id DESC;
