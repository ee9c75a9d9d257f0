-- Undoes 0040.batch_parents.
CREATE OR REPLACE FUNCTION app.batch_lock(p_operations jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM app.lock_parents(array_agg(given.body))
    FROM (
        SELECT coalesce(operation.value -> 'body', operation.value -> 'patch') AS body
        FROM jsonb_array_elements(p_operations) AS operation (value)
    ) AS given
    WHERE given.body IS NOT NULL;
    PERFORM app.lock_teams(array_agg(given.body))
    FROM (
        SELECT coalesce(operation.value -> 'body', operation.value -> 'patch') AS body
        FROM jsonb_array_elements(p_operations) AS operation (value)
        WHERE operation.value ->> 'kind' = 'agent'
    ) AS given
    WHERE given.body ? 'team_id';
    PERFORM FROM app.base_entity
    WHERE
        base_entity.tenant_id = app.tenant_id()
        AND base_entity.id = ANY(ARRAY(
            SELECT (operation.value ->> 'id')::uuid
            FROM jsonb_array_elements(p_operations) AS operation (value)
            WHERE operation.value ? 'id'
        ))
    ORDER BY base_entity.id
    FOR NO KEY UPDATE;
END
$$;
