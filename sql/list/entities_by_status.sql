-- name: entities_by_status :many
-- List a kind by state, newest first: one ordered scan per state, merged.
-- Drafts are found by whose they are: among the drafts of all, those of others would be read.
--
-- param: $1 kind text
-- param: $2 statuses text[]
-- param: $3 before uuid
-- param: $4 count bigint
-- returns: id uuid, document text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: base_entity_status_idx
-- plan: base_entity_private_idx
SELECT
    page.id,
    page.document
FROM unnest($2::text[]) AS wanted (status)
CROSS JOIN
    LATERAL (
        (
            SELECT
                base_entity.id,
                base_entity.document
            FROM app.base_entity
            WHERE
                wanted.status <> 'draft'
                AND base_entity.entity_type = $1
                AND base_entity.status = wanted.status
                AND base_entity.id < $3
            ORDER BY base_entity.id DESC
            LIMIT $4
        )
        UNION ALL
        (
            SELECT
                base_entity.id,
                base_entity.document
            FROM app.base_entity
            WHERE
                wanted.status = 'draft'
                AND base_entity.entity_type = $1
                AND base_entity.private_to = (SELECT app.governance_agent_id())
                AND base_entity.id < $3
            ORDER BY base_entity.id DESC
            LIMIT $4
        )
    ) AS page
ORDER BY page.id DESC
LIMIT $4;
