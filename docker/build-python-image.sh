#!/usr/bin/env bash
# Make a small image with this Debian's Python, for machines that can pull none: the base that
# docker/Dockerfile takes as PYTHON_IMAGE.
#
#   docker/build-python-image.sh [IMAGE]      default: plant-python:local
#
# Needs root, docker and mmdebstrap; packages come from the mirror of the machine.
set -euo pipefail

image="${1:-plant-python:local}"
# shellcheck disable=SC1091 # the system's own file
suite="$(. /etc/os-release && echo "${VERSION_CODENAME:?}")"
mirror="$("$(dirname "${BASH_SOURCE[0]}")/debian-mirror.sh")"

mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,ca-certificates \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    "$suite" - "$mirror" |
    docker import --change 'CMD ["python3"]' --change 'ENV LANG=C.UTF-8' - "$image" >/dev/null
echo "made $image"
