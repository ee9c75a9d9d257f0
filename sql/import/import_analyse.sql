-- name: import_analyse :one
-- Renew the statistics of the tables that an import fills.
--
-- returns: done boolean
-- raises: -
-- isolation: read committed
-- call: text
-- role: app
SELECT app.import_analyse() IS NULL AS done;
