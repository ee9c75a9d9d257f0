#!/usr/bin/env bash
# Print the address of the Debian mirror that this machine takes its packages from.
set -euo pipefail

found="$(grep -rhoE '^[^#]*https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d/ 2>/dev/null |
    grep -oE 'https?://[^ ]+' || true)"
if [[ -z "$found" ]]; then
    echo "There is no address of a Debian mirror in /etc/apt." >&2
    exit 1
fi
echo "${found%%$'\n'*}"
