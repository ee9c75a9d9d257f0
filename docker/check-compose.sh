#!/usr/bin/env bash
# Prove docker-compose.yml: build, start with the sample, wait until healthy, send the first request
# of README.md and a write, stop, leave nothing. Images come from docker/prepare-images.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

compose=(docker compose --project-name "plant-check-$$")
export PLANT_PORT="${PLANT_PORT:-18080}" SERVE_WITH=--sample
images="$(docker/prepare-images.sh)"
eval "$images"
trap '"${compose[@]}" down --volumes --timeout 10' EXIT

"${compose[@]}" up --build --wait --wait-timeout 180 || {
    "${compose[@]}" logs --no-color --tail 50
    exit 1
}
made="$("${compose[@]}" exec -T service \
    plant key create --tenant sample --agent author --scopes read,write --json)"
MADE="$made" python3 - "$PLANT_PORT" <<'PYTHON'
import json
import os
import sys
import urllib.request

address = f"http://127.0.0.1:{sys.argv[1]}"
key = json.loads(os.environ["MADE"])["key"]
first = "/v1/skills?name=sql&limit=1"
body = {"name": "Kiln firing", "description": "Fire pottery.", "category": "technical"}
asked = [("/readyz", None), (first, None), ("/v1/skills", json.dumps(body).encode())]
for path, data in asked:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(address + path, data, headers)
    with urllib.request.urlopen(request, timeout=5) as answer:
        said = answer.read().decode()
        print(answer.status, path, said[:200])
    assert path != first or ["SQL"] == [item["name"] for item in json.loads(said)["items"]]
PYTHON
