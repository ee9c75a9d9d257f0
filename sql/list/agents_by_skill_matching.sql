-- name: agents_by_skill_matching :many
-- List agents that have any of these skills, newest first, among those that meet the
-- other filters too.
--
-- param: $1 skill_ids uuid[]
-- param: $2 before uuid
-- param: $3 count bigint
-- param: $4 filters jsonb
-- returns: id uuid, document text
-- raises: -
-- isolation: read committed
-- call: function
-- role: app
-- plan: agent_skill_skill_idx
SELECT DISTINCT ON (page.id)
    page.id,
    page.document
FROM unnest($1::uuid[]) AS wanted (value)
CROSS JOIN
    LATERAL (
        SELECT
            base_entity.id,
            base_entity.document
        FROM app.agent_skill
        INNER JOIN app.base_entity ON agent_skill.agent_id = base_entity.id
        WHERE
            agent_skill.skill_id = wanted.value
            AND agent_skill.agent_id < $2
            AND app.document_matches(
                base_entity.document, base_entity.name_key, $4
            )
        ORDER BY agent_skill.agent_id DESC
        LIMIT $3
    ) AS page
ORDER BY page.id DESC
LIMIT $3;
