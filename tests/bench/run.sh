#!/bin/bash
# SPDX-License-Identifier: MIT
# run.sh [REPEATS]: what `make bench` runs. Models with random weights write in one guest, in turns; where LLAMA_BENCH
# or the PATH has a llama-bench, it runs the same weights on the host between them. Prints medians as a table.
. "$(dirname "$0")/../../tools/setup/lib.sh"

REPEATS=${1:-5}
BIN=$SKALD_BUILD/bin
MODELS=$SKALD_CACHE/bench
SHAPES=(15m 134m)
FORMATS=(int8:q8_0 int4:q4_0)
TOKENS=256
PROMPT=$(printf 'a%.0s' {1..1022})  # 512 tokens
PEER=${LLAMA_BENCH:-$(command -v llama-bench || true)}

make_models() {
    local shape format
    mkdir -p "$MODELS"
    for shape in "${SHAPES[@]}"; do
        for format in "${FORMATS[@]}"; do
            "$BIN/llm-compile" --random "$SKALD_ROOT/tests/bench/shapes/$shape.json" --weights "${format%:*}" \
                -o "$MODELS/$shape-${format%:*}.skald" --write-gguf "$MODELS/$shape-${format%:*}.gguf" "${format#*:}"
        done
    done
}

# A round: every model once in the guest, then every model once at the peer. JSON lines.
round() {
    local model
    # shellcheck disable=SC2016 # $m and $p are the guest's
    "$BIN/skald-vm" --share "$MODELS" --card memory-size=1G --env "p=$PROMPT" -- sh -c \
        'for m in '"$MODELS"'/*.skald; do
             llm-run $m -p "$p" -n '"$TOKENS"' --temp 0 --ignore-eos --json >/tmp/out 2>/tmp/err || { cat /tmp/err >&2; exit 1; }
             sed -n "\$ s|^{|{\"file\": \"$m\", |p" /tmp/out
         done'
    [[ -z $PEER ]] && return
    for model in "$MODELS"/*.gguf; do
        "$PEER" -m "$model" -p 512 -n 128 -r 1 -t 1,"$(nproc)" -o jsonl 2>>"$SKALD_BUILD/logs/llama-bench.log" ||
            die "$PEER failed on $model; see $SKALD_BUILD/logs/llama-bench.log"
    done
}

rounds() {
    local number
    for ((number = 1; number <= REPEATS; number++)); do
        say "  round $number of $REPEATS"
        round >>"$1" || die "a model did not run to its end in the guest, see above"
    done
}

main() {
    local results=$SKALD_BUILD/bench.jsonl
    [[ $REPEATS =~ ^[1-9][0-9]*$ ]] || die "REPEATS '$REPEATS' is not a number of rounds"
    step bench-models "making models with random weights" make_models
    : >"$results"
    rounds "$results"
    python3 "$SKALD_ROOT/tests/bench/table.py" "$results"
}
case ${1:-} in make_models) "$@" ;; *) main "$@" ;; esac
