-- name: login_facts :one
-- Tell as whom this session works, and whether row security can hold it.
--
-- returns: login text, database text, superuser boolean, bypasses boolean
-- raises: -
-- isolation: read committed
-- call: text
-- role: app
SELECT
    pg_roles.rolname::text AS login,
    current_database()::text AS database,
    pg_roles.rolsuper AS superuser,
    pg_roles.rolbypassrls AS bypasses
FROM pg_catalog.pg_roles
WHERE pg_roles.rolname = current_user;
