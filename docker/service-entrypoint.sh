#!/bin/sh
# `serve` brings the schema up first: several containers may start at once, one of them migrates.
# Anything else is a command of plant: `docker compose run --rm service key list`.
set -eu

if [ "${1:-serve}" = serve ]; then
    plant migrate apply
fi
exec plant "$@"
