-- name: server_facts :one
-- Tell what the server is, what it has of pgvector, how full it is, and how this session got in.
--
-- returns: version text, version_num integer, encoding text, standby boolean, login text,
--     database text, database_bytes bigint, data_directory text, vector text,
--     vector_schema text, vector_available text, tls text, connections bigint,
--     connections_service bigint, connections_max bigint
-- raises: -
-- isolation: read committed
-- call: text
-- role: owner
SELECT
    current_setting('server_version') AS version,
    current_setting('server_version_num')::integer AS version_num,
    current_setting('server_encoding') AS encoding,
    pg_is_in_recovery() AS standby,
    session_user::text AS login,
    current_database()::text AS database,
    pg_database_size(current_database()) AS database_bytes,
    -- The view shows it to those who may know it and is silent to others; SHOW is an error.
    (
        SELECT pg_settings.setting
        FROM pg_catalog.pg_settings
        WHERE pg_settings.name = 'data_directory'
    ) AS data_directory,
    pg_extension.extversion AS vector,
    pg_namespace.nspname::text AS vector_schema,
    (
        SELECT pg_available_extensions.default_version
        FROM pg_catalog.pg_available_extensions
        WHERE pg_available_extensions.name = 'vector'
    ) AS vector_available,
    (
        SELECT pg_stat_ssl.version
        FROM pg_catalog.pg_stat_ssl
        WHERE pg_stat_ssl.pid = pg_backend_pid() AND pg_stat_ssl.ssl
    ) AS tls,
    clients.connections,
    clients.connections_service,
    (
        current_setting('max_connections')::bigint
        - current_setting('superuser_reserved_connections')::bigint
        - current_setting('reserved_connections')::bigint
    ) AS connections_max
FROM (
    SELECT
        count(*) AS connections,
        count(*) FILTER (WHERE pg_stat_activity.usename = 'plant_app') AS connections_service
    FROM pg_catalog.pg_stat_activity
    -- Of others' sessions only this is shown to everybody; the server's own processes lack one.
    WHERE pg_stat_activity.datid IS NOT NULL AND pg_stat_activity.usesysid IS NOT NULL
) AS clients
LEFT OUTER JOIN pg_catalog.pg_extension ON pg_extension.extname = 'vector'
LEFT OUTER JOIN pg_catalog.pg_namespace ON pg_extension.extnamespace = pg_namespace.oid;
