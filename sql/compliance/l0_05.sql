-- name: l0_05 :many
-- L0-05: certification precedes activation, by another governance agent.
-- An import at once names both identities and stands for the steps. Who wrote an amendment is
-- said by its own log. What was restored in force was certified before, says who restored it; a
-- draft that was restored is whose it was, and who brought it wrote it too.
--
-- param: $1 id uuid
-- returns: message text, entity_id uuid
-- raises: -
-- isolation: repeatable read
-- call: function
-- role: app
WITH logged AS (
    SELECT
        entry.version,
        entry.operation,
        split_part(entry.actor, '+', 1) AS actor,
        split_part(entry.actor, '+', 2) AS second,
        -- Of an import, who certified.
        split_part(entry.actor, '+', 1 + (entry.operation = 'import')::integer) AS author,
        entry.operation IN ('certify', 'import')
        OR app.restored_in_force(entry.audit_id, entry.operation) AS certifies
    FROM audit.entry
    WHERE entry.entity_id = $1
),

history AS (
    SELECT
        logged.*,
        max(logged.version) FILTER (WHERE logged.certifies) OVER earlier AS certified,
        max(logged.version) FILTER (WHERE logged.operation = 'restore') OVER earlier AS restored,
        -- When the same governance agent wrote last.
        max(logged.version) FILTER (WHERE logged.operation IN ('create', 'amend', 'restore'))
            OVER (PARTITION BY logged.author ORDER BY logged.version) AS written
    FROM logged
    WINDOW earlier AS (ORDER BY logged.version ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
)

SELECT
    'Version ' || history.version || CASE history.operation
        WHEN 'activate' THEN ' was activated without a certification.'
        ELSE ' was certified by who wrote it.'
    END AS message,
    NULL::uuid AS entity_id
FROM history
INNER JOIN app.base_entity ON base_entity.id = $1
WHERE
    (history.operation = 'activate' AND history.certified IS NULL)
    OR (history.operation = 'import' AND history.second IN ('', history.actor))
    OR (history.operation IN ('certify', 'import') AND coalesce(history.certified, 0) < greatest(
        history.written,
        CASE history.actor WHEN base_entity.governance_agent_id::text THEN history.restored END
    ))
    OR (history.operation = 'certify' AND EXISTS (
        SELECT FROM app.amendment
        INNER JOIN audit.entry ON amendment.id = entry.entity_id
        WHERE
            amendment.entity_id = $1
            AND amendment.base_version = history.version - 1
            AND amendment.status = 'certified'
            AND entry.operation IN ('create', 'amend')
            AND entry.actor = history.actor
    ))
UNION ALL
SELECT
    'It is ' || base_entity.status || ' without a certification.' AS message,
    NULL AS entity_id
FROM app.base_entity
WHERE
    base_entity.id = $1
    AND app.is_in_force(base_entity.status)
    AND (SELECT bool_or(history.certifies) FROM history) IS NOT TRUE
ORDER BY message ASC
LIMIT 100;
