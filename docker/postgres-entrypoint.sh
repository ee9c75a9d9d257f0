#!/bin/sh
# Start PostgreSQL in a container: make the cluster on the first start, then run as user postgres.
# Honours POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB, POSTGRES_INITDB_ARGS,
# POSTGRES_HOST_AUTH_METHOD, PGDATA and the *.sql and *.sh files of /docker-entrypoint-initdb.d.
set -eu

case "${1:-postgres}" in
    -*) set -- postgres "$@" ;;
esac
if [ "$1" != postgres ]; then exec "$@"; fi

if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA"
    chown -R postgres:postgres /var/lib/postgresql /run/postgresql "$PGDATA"
    chmod 0700 "$PGDATA"
    # shellcheck disable=SC2016 # expanded by the shell that su starts
    exec su -s /bin/sh -c 'exec "$0" "$@"' -- postgres "$0" "$@"
fi

user="${POSTGRES_USER:-postgres}"
database="${POSTGRES_DB:-$user}"
method="${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}"

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "$method" != trust ]; then
        echo "Set POSTGRES_PASSWORD: without one nobody could log in." >&2
        exit 1
    fi
    secret="$(mktemp)"
    printf '%s\n' "${POSTGRES_PASSWORD:-unused}" >"$secret"
    # shellcheck disable=SC2086 # the arguments are several words on purpose
    initdb --username="$user" --pwfile="$secret" --encoding=UTF8 --locale-provider=builtin \
        --builtin-locale=C.UTF-8 --locale=C.UTF-8 --auth-local=trust --auth-host=scram-sha-256 \
        --data-checksums ${POSTGRES_INITDB_ARGS:-} >/dev/null
    rm -f "$secret"
    printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"

    # No address but the socket until the cluster is as it should be: readiness then means ready.
    pg_ctl start -w -s -o "-c listen_addresses='' -c unix_socket_directories=/run/postgresql"
    if [ "$database" != postgres ]; then
        createdb --host=/run/postgresql --username="$user" "$database"
    fi
    for script in /docker-entrypoint-initdb.d/*; do
        case "$script" in
            *.sh) sh "$script" ;;
            *.sql) psql -v ON_ERROR_STOP=1 -h /run/postgresql -U "$user" -d "$database" -f "$script" ;;
        esac
    done
    pg_ctl stop -w -s -m fast
fi

exec "$@" -c listen_addresses='*' -c unix_socket_directories=/run/postgresql
