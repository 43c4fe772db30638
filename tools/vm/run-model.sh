#!/bin/bash
# SPDX-License-Identifier: MIT
# run-model.sh MODEL PROMPT TOKENS [LLM-RUN-OPTION...]: compile a model, unless that was done before, and let
# it write in a guest. What `make run` runs. Compiled models are kept in the cache, by content.
. "$(dirname "$0")/../setup/lib.sh"

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

compile_model() { "$BIN/llm-compile" "$1" -o "$2"; }

# llm-compile says in a line what is wrong with a model; a step would wrap it in three more.
compile() {
    attempt compile-model "compiling $1" compile_model "$(realpath -- "$1")" "$2" && return
    [[ ${V:-0} != 0 ]] || cat "$STEP_LOG" >&2
    exit 1
}

main() {
    local model=$1 prompt=$2 tokens=$3 compiled
    shift 3
    [[ -e $model ]] || die "MODEL '$model': no such file or directory"
    # Before everything in it is read: it may be somebody's home.
    [[ ! -d $model || -e $model/config.json ]] || die "MODEL '$model': is a folder without config.json"
    compiled=$MODELS/$(model_key "$model").skald
    if [[ ! -e $compiled ]]; then
        mkdir -p "$MODELS"
        find "$MODELS" -type f -mtime +$KEEP_DAYS -delete
        compile "$model" "$compiled.$$"
        mv "$compiled.$$" "$compiled"
    fi
    touch "$compiled"
    exec "$BIN/skald-vm" --kernel "${SKALD_KERNEL:-stock}" --disk "$compiled" -- \
        llm-run /dev/vda -p "$prompt" -n "$tokens" --echo "$@"
}
case ${1:-} in compile_model) "$@" ;; *) main "$@" ;; esac
