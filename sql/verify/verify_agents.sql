-- name: verify_agents :many
-- Read agents of a tenant, each with whether its document is what its rows say, written anew.
--
-- How it is written stands here: nothing of the database is asked but what every server has.
--
-- param: $1 tenant_id uuid
-- param: $2 after_id uuid
-- param: $3 count bigint
-- returns: id uuid, version integer, matches boolean
-- raises: -
-- isolation: repeatable read
-- call: text
-- role: worker
-- plan: base_entity_kind_key
SELECT
    base.id,
    base.version,
    (written.document IS NOT DISTINCT FROM base.document) AS matches
FROM app.base_entity AS base
LEFT OUTER JOIN
    LATERAL (
        SELECT row_to_json(line)::text AS document
        FROM (
            SELECT
                base.id,
                base.entity_type,
                base.external_id,
                base.name,
                base.description,
                base.aliases,
                array(
                    SELECT entity_tag.tag
                    FROM app.entity_tag
                    WHERE (entity_tag.tenant_id, entity_tag.entity_id) = (base.tenant_id, base.id)
                    ORDER BY convert_to(entity_tag.tag, 'UTF8') ASC
                ) AS tags,
                base.custom_attributes,
                base.governance_notes,
                array(
                    SELECT entity_parent.parent_id
                    FROM app.entity_parent
                    WHERE
                        (entity_parent.tenant_id, entity_parent.entity_id)
                        = (base.tenant_id, base.id)
                    ORDER BY entity_parent.parent_id ASC
                ) AS parent_ids,
                agent_entity.job_role_id,
                agent_entity.industry_id,
                agent_entity.team_id,
                array(
                    SELECT agent_skill.skill_id
                    FROM app.agent_skill
                    WHERE (agent_skill.tenant_id, agent_skill.agent_id) = (base.tenant_id, base.id)
                    ORDER BY agent_skill.skill_id ASC
                ) AS skill_ids,
                base.status,
                base.version,
                to_char(base.created_at AT TIME ZONE 'UTC', form.text) AS created_at,
                to_char(base.updated_at AT TIME ZONE 'UTC', form.text) AS updated_at,
                base.governance_agent_id
            FROM app.agent_entity
            CROSS JOIN (VALUES ('YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) AS form (text)
            WHERE (agent_entity.tenant_id, agent_entity.id) = (base.tenant_id, base.id)
        ) AS line
    ) AS written
    ON TRUE
WHERE base.tenant_id = $1 AND base.entity_type = 'agent' AND base.id > $2
ORDER BY base.id ASC
LIMIT $3;
