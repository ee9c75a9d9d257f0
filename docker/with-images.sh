#!/usr/bin/env bash
# Run a command where the images of docker/prepare-images.sh are there and named.
set -euo pipefail

images="$("$(dirname "${BASH_SOURCE[0]}")/prepare-images.sh")"
eval "$images"
exec "$@"
