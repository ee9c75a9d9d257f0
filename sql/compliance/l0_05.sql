-- name: l0_05 :many
-- L0-05: certification precedes activation, by another governance agent.
-- An import at once names both identities and stands for the steps. Who wrote an amendment is
-- said by its own log.
--
-- param: $1 id uuid
-- returns: message text, entity_id uuid
-- raises: -
-- isolation: repeatable read
-- call: function
-- role: app
WITH history AS (
    SELECT
        entry.version,
        entry.operation,
        split_part(entry.actor, '+', 1) AS actor,
        split_part(entry.actor, '+', 2) AS second,
        max(entry.version)
        FILTER (WHERE entry.operation IN ('certify', 'import', 'restore'))
            OVER (ORDER BY entry.version ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
            AS certified,
        -- When the same governance agent wrote last: of an import, the one that certified.
        max(entry.version)
        FILTER (WHERE entry.operation IN ('create', 'amend'))
            OVER (
                PARTITION BY
                    split_part(entry.actor, '+', 1 + (entry.operation = 'import')::integer)
                ORDER BY entry.version
            ) AS written
    FROM audit.entry
    WHERE entry.entity_id = $1
)

SELECT
    'Version ' || history.version || CASE history.operation
        WHEN 'activate' THEN ' was activated without a certification.'
        ELSE ' was certified by who wrote it.'
    END AS message,
    NULL::uuid AS entity_id
FROM history
WHERE
    (history.operation = 'activate' AND history.certified IS NULL)
    OR (history.operation = 'import' AND history.second IN ('', history.actor))
    OR (
        history.operation IN ('certify', 'import')
        AND history.written > coalesce(history.certified, 0)
    )
    OR (history.operation = 'certify' AND EXISTS (
        SELECT
        FROM app.amendment
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
    AND NOT EXISTS (
        SELECT FROM history
        WHERE history.operation IN ('certify', 'import', 'restore')
    )
ORDER BY message ASC
LIMIT 100;
