#!/usr/bin/env bash
# Prove docker-compose.yml: build, start, wait until healthy, ask once, stop, leave nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

compose=(docker compose --project-name "plant-check-$$")
export PLANT_PORT="${PLANT_PORT:-18080}"
trap '"${compose[@]}" down --volumes --timeout 10' EXIT

"${compose[@]}" up --build --wait --wait-timeout 180 || {
    "${compose[@]}" logs --no-color --tail 50
    exit 1
}
python3 - "$PLANT_PORT" <<'PYTHON'
import sys
import urllib.request

address = f"http://127.0.0.1:{sys.argv[1]}/readyz"
with urllib.request.urlopen(address, timeout=5) as answer:
    print(answer.status, answer.read().decode())
PYTHON
