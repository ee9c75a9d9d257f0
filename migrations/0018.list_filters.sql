-- What a list asks besides the filter that drives it: conditions on columns.
-- depends: 0012.lists
--
-- Asked of the rendered document (app.document_matches, which stays for the release before
-- this one) a row costs 70 microseconds; asked of columns it costs two.

-- The entity if it meets every filter; p_filters holds one array of text per filter, any
-- of which may match. A function in FROM that is one SELECT, without settings of its own,
-- becomes part of the statement that calls it: it is planned for the filters at hand
-- (plan_cache_mode = force_custom_plan), the conditions that are not asked for vanish, and
-- with them the joins that can add nothing. OFFSET 0 keeps the order of the joins: what
-- drives the list comes first, in the order of the list.
CREATE FUNCTION app.matching_entity(p_id uuid, p_filters jsonb)
RETURNS TABLE (id uuid, document text)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT base.id, base.document
FROM app.base_entity AS base
LEFT OUTER JOIN app.skill_entity AS skill
    ON base.tenant_id = skill.tenant_id AND base.id = skill.id
LEFT OUTER JOIN app.job_role_entity AS job_role
    ON base.tenant_id = job_role.tenant_id AND base.id = job_role.id
LEFT OUTER JOIN app.team_entity AS team
    ON base.tenant_id = team.tenant_id AND base.id = team.id
LEFT OUTER JOIN app.agent_entity AS agent
    ON base.tenant_id = agent.tenant_id AND base.id = agent.id
LEFT OUTER JOIN app.industry_entity AS industry
    ON base.tenant_id = industry.tenant_id AND base.id = industry.id
WHERE
    base.tenant_id = (SELECT app.tenant_id())
    AND base.id = $1
    AND (NOT $2 ? 'status' OR ($2 -> 'status') ? base.status)
    AND (NOT $2 ? 'external_id' OR ($2 -> 'external_id') ? base.external_id)
    AND (NOT $2 ? 'category' OR ($2 -> 'category') ? skill.category)
    AND (
        NOT $2 ? 'seniority_level'
        OR ($2 -> 'seniority_level') ? job_role.seniority_level
    )
    AND (NOT $2 ? 'scheme' OR ($2 -> 'scheme') ? industry.scheme)
    AND (NOT $2 ? 'team_id' OR ($2 -> 'team_id') ? agent.team_id::text)
    AND (
        NOT $2 ? 'job_role_id'
        OR ($2 -> 'job_role_id') ? coalesce(team.job_role_id, agent.job_role_id)::text
    )
    AND (
        NOT $2 ? 'industry_id'
        OR ($2 -> 'industry_id')
        ? coalesce(job_role.industry_id, team.industry_id, agent.industry_id)::text
    )
    AND (
        NOT $2 ? 'tag'
        OR EXISTS (
            SELECT
            FROM app.entity_tag AS tagged
            WHERE
                tagged.tenant_id = base.tenant_id
                AND tagged.entity_id = base.id
                AND ($2 -> 'tag') ? tagged.tag
        )
    )
    AND (
        NOT $2 ? 'parent_id'
        OR EXISTS (
            SELECT
            FROM app.entity_parent AS child
            WHERE
                child.tenant_id = base.tenant_id
                AND child.entity_id = base.id
                AND ($2 -> 'parent_id') ? child.parent_id::text
        )
    )
    AND (
        NOT $2 ? 'skill_id'
        OR EXISTS (
            SELECT
            FROM app.job_role_skill AS required
            WHERE
                required.tenant_id = base.tenant_id
                AND required.job_role_id = base.id
                AND ($2 -> 'skill_id') ? required.skill_id::text
        )
        OR EXISTS (
            SELECT
            FROM app.agent_skill AS had
            WHERE
                had.tenant_id = base.tenant_id
                AND had.agent_id = base.id
                AND ($2 -> 'skill_id') ? had.skill_id::text
        )
    )
ORDER BY base.id ASC
OFFSET 0;
END;
COMMENT ON FUNCTION app.matching_entity(uuid, jsonb) IS 'The entity with this id if it meets every one of these filters.';
GRANT EXECUTE ON FUNCTION app.matching_entity(uuid, jsonb) TO plant_app, plant_readonly;

-- Prefixes as ranges of keys. One that begins with another one adds nothing to it.
CREATE FUNCTION app.name_ranges(p_prefixes text[])
RETURNS TABLE (low text, high text)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 2
SET search_path = pg_catalog, pg_temp
AS $$
WITH wanted AS MATERIALIZED (
    SELECT DISTINCT app.name_key(given.prefix) AS low
    FROM unnest(p_prefixes) AS given (prefix)
)

SELECT wanted.low, app.prefix_end(wanted.low)
FROM wanted
WHERE NOT EXISTS (
    SELECT
    FROM wanted AS shorter
    WHERE shorter.low <> wanted.low AND starts_with(wanted.low, shorter.low)
)
$$;
COMMENT ON FUNCTION app.name_ranges(text[]) IS 'The ranges of name keys that begin with one of these prefixes, none within another.';
GRANT EXECUTE ON FUNCTION app.name_ranges(text[]) TO plant_app, plant_readonly;
