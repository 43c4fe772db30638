# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What every set-up script shares: where things are kept, how a step is shown, logged and failed.
# Sourced, never run. A step prints one line; everything else it says goes to its log.

set -euo pipefail
# depmod, modprobe and ldconfig are there for everybody, outside of an ordinary PATH.
PATH=$PATH:/usr/sbin:/sbin
shopt -s nullglob

SKALD_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
SKALD_BUILD=${SKALD_BUILD:-$SKALD_ROOT/build}
SKALD_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/skald
SKALD_LOGS=$SKALD_CACHE/logs
SKALD_JOBS=${SKALD_JOBS:-$(nproc)}
mkdir -p "$SKALD_CACHE" "$SKALD_LOGS"
# What one checkout compiled serves the next one too: paths below a checkout count as relative.
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$SKALD_ROOT} CCACHE_NOHASHDIR=${CCACHE_NOHASHDIR:-1}

say() { printf '%s\n' "$*" >&2; }

# die MESSAGE...: one sentence on stderr, and no more.
die() {
    say "skald: $*"
    exit 1
}

# attempt NAME TEXT FUNCTION [ARG...]: run one of the calling script's functions as a step, its
# output in a log of its own (with V=1 on the terminal as well). It runs in a fresh shell, because
# bash switches `set -e` off inside whatever is tested for success. The step's status is returned.
attempt() {
    local name=$1 text=$2 status=0
    shift 2
    STEP_LOG=$SKALD_LOGS/$name.log
    say "  $text"
    if [[ ${V:-0} != 0 ]]; then
        bash "$0" "$@" 2>&1 </dev/null | tee "$STEP_LOG" >&2 || status=$?
    else
        bash "$0" "$@" >"$STEP_LOG" 2>&1 </dev/null || status=$?
    fi
    return $status
}

# step: an attempt that must succeed. On failure say which, show the end of its log, name the file.
step() {
    local status=0
    attempt "$@" || status=$?
    ((status == 0)) && return 0
    say "skald: step '$1' failed with status $status; the last lines of its log:"
    tail -n 15 "$STEP_LOG" | sed 's/^/    /' >&2
    say "skald: the whole log is $STEP_LOG"
    exit 1
}

# Where tests/run-all.sh asks for it, the script that make calls notes under the name STAGE what it cost, with all that it
# started: seconds, and seconds of processors.
note_cost() {
    times >"$COSTS.$$"
    awk -v name="$STAGE" -v wall="$SECONDS" '
        { for (i = 1; i <= 2; i++) { split($i, part, /[ms]/); cpu += part[1] * 60 + part[2] } }
        END { printf "%s\t%d\t%.0f\n", name, wall, cpu }' "$COSTS.$$" >>"$COSTS"
    rm -f "$COSTS.$$"
}
name_stage() { STAGE=$1; }
STAGE=$(basename "$0" .sh)
[[ ${1:-} =~ ^[a-z-]+$ ]] && STAGE+=" $1"
if [[ -n ${SKALD_COSTS:-} ]]; then
    COSTS=$SKALD_COSTS
    unset SKALD_COSTS # the steps of this script are part of it
    trap note_cost EXIT
fi

# Last line of every script: without arguments its `main`, with some the function they name.
run() {
    if (($#)); then "$@"; else main; fi
}

# lock NAME: hold a lock across checkouts until this shell ends. The descriptor is not inherited
# by what the steps start in the background (ccache, gpg agents), which would outlive us.
lock() {
    local fd
    mkdir -p "$SKALD_CACHE/locks"
    exec {fd}>"$SKALD_CACHE/locks/$1"
    if ! flock -n "$fd"; then
        say "  waiting for another checkout that sets up '$1'"
        flock "$fd"
    fi
}

# hash_of FILE...: one content hash over files, their names left out.
hash_of() { cat -- "$@" | sha256sum | cut -c1-16; }

# publish SOURCE TARGET: replace TARGET by a link to SOURCE in one step, if it is not that already.
publish() {
    [[ $(readlink -- "$2" 2>/dev/null) == "$1" ]] && return 0
    mkdir -p "$(dirname "$2")"
    ln -sfn -- "$1" "$2.new.$$"
    mv -Tf -- "$2.new.$$" "$2"
}

host_codename() { (. /etc/os-release && printf '%s' "${VERSION_CODENAME:-unknown}"); }
