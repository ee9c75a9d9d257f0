# shellcheck shell=bash
# Steps of a run that goes on after one has failed; .ci/run and .ci/nightly read this file.
#
# Before: `set -euo pipefail` and the folder of the tree. After: `step` for each, and `ended` last.

logs="$(mktemp -d)"
# The engine that this run has started writes here, and no other.
engine="$logs/dockerd"
leave() {
    if [[ -f "$engine/dockerd.pid" ]]; then kill "$(<"$engine/dockerd.pid")" 2>/dev/null || true; fi
    rm -rf "$logs"
}
trap leave EXIT
failed=()

# The longest that a step may take, in seconds: one that hangs has to end and show how far it came.
longest=2400

# step NAME COMMAND…: run it, show what it prints, say how long it took.
# What it prints goes to a file that is followed: a pipe would stay open for as long as any process
# that a killed step has left behind.
step() {
    local name="$1" begun="$SECONDS" code=0
    shift
    printf -- '--- %s\n' "$name"
    # There before it is followed, however late the step begins.
    : >"$logs/$name"
    timeout --kill-after=30 "$longest" "$@" </dev/null >"$logs/$name" 2>&1 &
    local command="$!"
    tail --pid="$command" --lines=+1 --follow --quiet "$logs/$name"
    wait "$command" || code="$?"
    if ((code == 0)); then
        printf -- '--- %s: good after %d s\n' "$name" "$((SECONDS - begun))"
    else
        printf -- '--- %s: FAILED with %d after %d s\n' "$name" "$code" "$((SECONDS - begun))"
        failed+=("$name")
    fi
}

# ended: say which steps failed; true when none did.
ended() {
    if ((${#failed[@]})); then printf 'failed: %s\n' "${failed[*]}"; fi
    ((${#failed[@]} == 0))
}
