#!/bin/bash
# SPDX-License-Identifier: MIT
# host.sh DIRECTORY TEXT TARGET [CMAKE-OPTION...]: build a target of the host tree with CMake and
# Ninja in build/DIRECTORY. Says its TEXT only where there is something to do.
. "$(dirname "$0")/lib.sh"

configure() {
    local tree=$1
    shift
    cmake -S "$SKALD_ROOT" -B "$tree" -G Ninja "$@"
}

# Ninja's progress becomes one line; what compilers say goes to the log, and with V=1 through.
compile() {
    local line said=
    ninja -C "$1" -j "$SKALD_JOBS" "$3" 2>&1 | while IFS= read -r line; do
        [[ -n $said || $line != '['* || $line == *'Re-checking globbed'* ]] || { said=1; say "  $2"; }
        printf '%s\n' "$line"
    done
}

main() {
    local name=$1 text=$2 target=$3 tree=$SKALD_BUILD/$1 log status=0
    name_stage "$name: $target"
    shift 3
    # Two runs of make in one checkout must not meet in one tree.
    mkdir -p "$tree"
    exec {fd}>"$tree/.lock"
    flock "$fd"
    if [[ ! -e $tree/build.ninja || $(cat "$tree/.options" 2>/dev/null) != "$*" ]]; then
        step "cmake-$name" "configuring the host programs ($name)" configure "$tree" "$@"
        echo "$*" >"$tree/.options"
    fi
    log=$SKALD_BUILD/logs/$name-$target.log
    mkdir -p "$SKALD_BUILD/logs"
    if [[ ${V:-0} != 0 ]]; then
        compile "$tree" "$text" "$target" || status=$?
    else
        compile "$tree" "$text" "$target" >"$log" || status=$?
    fi
    ((status == 0)) && return 0
    say "skald: building '$target' failed:"
    grep -v '^\[' "$log" | grep -v '^ninja: ' | head -n 60 >&2 || true
    die "the whole log is $log"
}
case ${1:-} in configure) "$@" ;; *) main "$@" ;; esac
