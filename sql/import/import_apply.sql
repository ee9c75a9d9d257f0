-- name: import_apply :one
-- Apply one chunk of an import and tell what became of each line, in their order, as one text: a
-- JSON array of {"line", "outcome", "id", "external_id", "problem"}; of what went in well there is
-- no external id. With keep it stays known which entities the lines were about, until the import
-- ends.
--
-- param: $1 import_id uuid
-- param: $2 chunk bigint
-- param: $3 as_active boolean
-- param: $4 keep boolean
-- returns: outcomes text
-- raises: unauthenticated, scope-missing
-- isolation: read committed
-- call: function
-- role: app
SELECT
    coalesce(
        json_agg(
            json_build_object(
                'line', applied.line,
                'outcome', applied.outcome,
                'id', applied.id,
                'external_id',
                CASE WHEN applied.problem IS NOT NULL THEN applied.external_id END,
                'problem', applied.problem
            ) ORDER BY applied.line
        )::text,
        '[]'
    ) AS outcomes
FROM app.import_apply($1, $2, $3, $4) AS applied;
