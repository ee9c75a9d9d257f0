-- name: roles_list :many
-- List the roles of the service with what each may do beyond its grants, and whose rights it has.
--
-- returns: name text, login boolean, superuser boolean, bypasses boolean,
--     creates_roles boolean, member_of text[]
-- raises: -
-- isolation: read committed
-- call: text
-- role: owner
SELECT
    pg_roles.rolname::text AS name,
    pg_roles.rolcanlogin AS login,
    pg_roles.rolsuper AS superuser,
    pg_roles.rolbypassrls AS bypasses,
    pg_roles.rolcreaterole AS creates_roles,
    array(
        SELECT pg_get_userbyid(pg_auth_members.roleid)::text
        FROM pg_catalog.pg_auth_members
        WHERE pg_auth_members.member = pg_roles.oid
        ORDER BY pg_auth_members.roleid ASC
    ) AS member_of
FROM pg_catalog.pg_roles
WHERE starts_with(pg_roles.rolname, 'plant_')
ORDER BY pg_roles.rolname ASC
LIMIT 1000;
