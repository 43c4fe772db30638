# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Sourced: compiled models, kept in the cache by content.
# shellcheck source=tools/setup/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../setup/lib.sh"

BIN=$SKALD_BUILD/bin
MODELS=$SKALD_CACHE/models
KEEP_DAYS=30

# The files of a model and the compiler that reads it, as one hash.
model_key() {
    {
        find -L "$1" -type f -printf '%P\0' | LC_ALL=C sort -z
        find -L "$1" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | cut -d' ' -f1
        sha256sum <"$BIN/llm-compile"
    } | sha256sum | cut -c1-32
}

# What `attempt` runs in a process of its own: scripts end with `case ${1:-} in compile_model) "$@" ;; ...`.
compile_model() { "$BIN/llm-compile" "$1" -o "$2"; }

# llm-compile says in a line what is wrong with a model; a step would wrap it in three more.
compile() {
    attempt compile-model "compiling $1" compile_model "$(realpath -- "$1")" "$2" && return
    [[ ${V:-0} != 0 ]] || cat "$STEP_LOG" >&2
    exit 1
}

# compiled MODEL: sets COMPILED to the compiled model, compiling it unless that was done before.
compiled() {
    [[ -e $1 ]] || die "MODEL '$1': no such file or directory"
    # Before everything in it is read: it may be somebody's home.
    [[ ! -d $1 || -e $1/config.json ]] || die "MODEL '$1': is a folder without config.json"
    COMPILED=$MODELS/$(model_key "$1").skald
    if [[ ! -e $COMPILED ]]; then
        mkdir -p "$MODELS"
        find "$MODELS" -type f -mtime +$KEEP_DAYS -delete
        compile "$1" "$COMPILED.$$"
        mv "$COMPILED.$$" "$COMPILED"
    fi
    touch "$COMPILED"
}
