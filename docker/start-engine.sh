#!/usr/bin/env bash
# Have a Docker engine with compose v2 on a Debian machine: install what is missing, start dockerd
# where none answers, and wait until it does. Needs root.
#
#   docker/start-engine.sh [DIRECTORY]
#
# What it starts writes dockerd.pid and dockerd.log in DIRECTORY (default /run/plant-docker): who
# started it stops it by that id. An engine that answers already is used and left alone.
set -euo pipefail

here="$(dirname "${BASH_SOURCE[0]}")"
directory="${1:-/run/plant-docker}"
compose_from=trixie # bookworm's compose is the first version, which has no --wait
if [[ "$(id -u)" != 0 ]]; then
    echo "An engine is started by root. As another user start one yourself." >&2
    exit 2
fi
mkdir -p "$directory"

install_packages() {
    command -v apt-get >/dev/null || {
        echo "There is no apt-get: install Docker Engine and its compose plugin yourself." >&2
        exit 2
    }
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# The plugins of a later Debian need nothing but the C library; its packages stay out of the
# system: one list of their own, unpacked and not installed.
install_plugins() {
    local private="$directory/plugins" mirror
    mirror="$("$here/debian-mirror.sh")"
    mkdir -p "$private"/{lists,cache,unpacked}
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' \
        "$mirror" "$compose_from" >"$private/sources.list"
    local options=(
        -o "Dir::Etc::sourcelist=$private/sources.list" -o Dir::Etc::sourceparts=-
        -o "Dir::State::lists=$private/lists" -o "Dir::Cache=$private/cache"
        -o APT::Sandbox::User=root
    )
    apt-get "${options[@]}" update -qq
    (cd "$private" && apt-get "${options[@]}" download -qq docker-compose docker-buildx)
    local package
    for package in "$private"/*.deb; do dpkg-deb -x "$package" "$private/unpacked"; done
    install -d /usr/local/lib/docker/cli-plugins
    install -m 0755 "$private"/unpacked/usr/libexec/docker/cli-plugins/* /usr/local/lib/docker/cli-plugins/
    rm -rf "$private"
}

for pair in dockerd:docker.io docker:docker.io busybox:busybox-static mmdebstrap:mmdebstrap; do
    if ! command -v "${pair%:*}" >/dev/null; then install_packages "${pair#*:}"; fi
done
if ! docker compose version >/dev/null 2>&1; then install_plugins; fi

if docker info >/dev/null 2>&1; then
    echo "A Docker engine answers already."
    exit
fi
setsid dockerd >"$directory/dockerd.log" 2>&1 </dev/null &
echo "$!" >"$directory/dockerd.pid"
for _ in $(seq 120); do
    if docker info >/dev/null 2>&1; then
        echo "dockerd runs as process $(<"$directory/dockerd.pid")."
        exit
    fi
    kill -0 "$(<"$directory/dockerd.pid")" 2>/dev/null || break
    sleep 0.5
done
echo "dockerd did not answer; the end of $directory/dockerd.log:" >&2
tail -n 20 "$directory/dockerd.log" >&2
exit 1
