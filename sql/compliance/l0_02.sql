-- name: l0_02 :many
-- L0-02: every version has an author who had the scope.
-- An import at once names two identities, joined by +: who wrote and who certified.
--
-- param: $1 id uuid
-- returns: message text, entity_id uuid
-- raises: -
-- isolation: repeatable read
-- call: function
-- role: app
SELECT
    'Version ' || entry.version || ' (' || entry.operation || ') is by a key without scope '
    || needed.scope || '.' AS message,
    NULL::uuid AS entity_id
FROM audit.entry
CROSS JOIN
    LATERAL
    unnest(string_to_array(entry.actor, '+'), string_to_array(entry.key, '+'))
    WITH ORDINALITY AS identity (actor, key, place)
CROSS JOIN
    LATERAL (
        SELECT
            CASE
                WHEN entry.operation IN ('create', 'amend') THEN 'write'
                WHEN entry.operation IN ('erase', 'restore') THEN 'admin'
                WHEN entry.operation = 'import' AND identity.place = 1 THEN 'write'
                WHEN entry.operation = 'import' THEN 'certify'
                ELSE coalesce((
                    SELECT life_cycle_step.scope
                    FROM app.life_cycle_step
                    WHERE life_cycle_step.operation = entry.operation
                    ORDER BY life_cycle_step.scope ASC
                    LIMIT 1
                ), 'of an operation that is known')
            END AS scope
    ) AS needed
WHERE
    entry.entity_id = $1
    AND NOT EXISTS (
        SELECT
        FROM app.api_key
        WHERE
            api_key.tenant_id = entry.tenant_id
            AND api_key.id::text = identity.key
            AND api_key.governance_agent_id::text = identity.actor
            AND needed.scope = any(api_key.scopes)
    )
ORDER BY entry.version ASC, identity.place ASC
LIMIT 100;
