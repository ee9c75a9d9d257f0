#!/usr/bin/env bash
# Have Chromium and its driver, of one version: root installs Debian's where they are missing,
# as another user one is told what to install.
set -euo pipefail

missing=()
for pair in chromium:chromium chromedriver:chromium-driver; do
    if ! command -v "${pair%:*}" >/dev/null; then missing+=("${pair#*:}"); fi
done
if ((${#missing[@]} == 0)); then exit; fi
if [[ "$(id -u)" != 0 ]] || ! command -v apt-get >/dev/null; then
    echo "The console is tested in Chromium. Install: ${missing[*]} (names of Debian's packages)." >&2
    exit 2
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
