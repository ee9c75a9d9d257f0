-- name: entities_count :many
-- Count what the caller may see, by kind and state; what there is none of is left out.
-- Drafts are counted by whose they are: among the drafts of all, those of others would be read.
--
-- param: $1 kinds text[]
-- param: $2 statuses text[]
-- returns: entity_type text, status text, count bigint
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: base_entity_status_idx
-- plan: base_entity_private_idx
SELECT
    kind.entity_type,
    state.status,
    found.count
FROM unnest($1::text[]) AS kind (entity_type)
CROSS JOIN unnest($2::text[]) AS state (status)
CROSS JOIN
    LATERAL (
        (
            SELECT count(*) AS count
            FROM app.base_entity
            WHERE
                state.status <> 'draft'
                AND base_entity.entity_type = kind.entity_type
                AND base_entity.status = state.status
        )
        UNION ALL
        (
            SELECT count(*) AS count
            FROM app.base_entity
            WHERE
                state.status = 'draft'
                AND base_entity.entity_type = kind.entity_type
                AND base_entity.private_to = (SELECT app.governance_agent_id())
        )
    ) AS found
WHERE found.count > 0
ORDER BY kind.entity_type ASC, state.status ASC
LIMIT 100;
