#!/usr/bin/env bash
# Have wrk, which sends the requests: root installs Debian's where it is missing, as another user
# one is told what to install.
set -euo pipefail

if command -v wrk >/dev/null; then exit; fi
if [[ "$(id -u)" != 0 ]] || ! command -v apt-get >/dev/null; then
    echo "Requests are sent by wrk. Install: wrk (name of Debian's package)." >&2
    exit 2
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends wrk >/dev/null
