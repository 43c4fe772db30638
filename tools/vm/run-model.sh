#!/bin/bash
# SPDX-License-Identifier: MIT
# run-model.sh MODEL PROMPT TOKENS [LLM-RUN-OPTION...]: compile a model, unless that was done before, and let
# it write in a guest. What `make run` runs.
. "$(dirname "$0")/compiled.sh"

main() {
    local model=$1 prompt=$2 tokens=$3
    shift 3
    compiled "$model"
    exec "$BIN/skald-vm" --kernel "${SKALD_KERNEL:-stock}" --disk "$COMPILED" -- \
        llm-run /dev/vda -p "$prompt" -n "$tokens" --echo "$@"
}
case ${1:-} in compile_model) "$@" ;; *) main "$@" ;; esac
