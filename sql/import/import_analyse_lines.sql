-- name: import_analyse_lines :one
-- Renew the statistics of staged lines, before they are arranged.
--
-- returns: done boolean
-- raises: -
-- isolation: read committed
-- call: text
-- role: app
SELECT app.import_analyse_lines() IS NULL AS done;
