#!/usr/bin/env bash
# Prove docker-compose.yml: build, start, wait until healthy, make a key, ask with it, stop, leave
# nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

compose=(docker compose --project-name "plant-check-$$")
export PLANT_PORT="${PLANT_PORT:-18080}"
trap '"${compose[@]}" down --volumes --timeout 10' EXIT

"${compose[@]}" up --build --wait --wait-timeout 180 || {
    "${compose[@]}" logs --no-color --tail 50
    exit 1
}
made="$("${compose[@]}" exec -T service \
    plant key create --tenant demo --agent author --scopes read,write --json)"
MADE="$made" python3 - "$PLANT_PORT" <<'PYTHON'
import json
import os
import sys
import urllib.request

address = f"http://127.0.0.1:{sys.argv[1]}"
key = json.loads(os.environ["MADE"])["key"]
body = {"name": "SQL", "description": "Ask a database.", "category": "technical"}
asked = [("/readyz", None), ("/v1/me", None), ("/v1/skills", json.dumps(body).encode())]
for path, data in asked:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(address + path, data, headers)
    with urllib.request.urlopen(request, timeout=5) as answer:
        print(answer.status, path, answer.read().decode())
PYTHON
