#!/bin/bash
# SPDX-License-Identifier: MIT
# run.sh: what `make bench` runs. Models with random weights in a guest; the machine's limits and, where LLAMA_BENCH or the
# PATH has a llama-bench, the same weights in it, on the host, in turns with the guest. What it takes:
#
#   BENCH        which parts: tiny 15m 134m 1.1b (shapes), batch context (of 1.1b if it is named, else of 134m), latency, beside,
#                plots; plots alone are of the run before
#   REPEATS      rounds (3); every figure is a median over them
#   LLAMA_BENCH  a llama-bench, or a command that is one; "none": no peer
#
# Everything measured goes to build/bench/results.jsonl, a JSON object a line; table.py and plot.py read it.
. "$(dirname "$0")/../../tools/setup/lib.sh"

BENCH=${BENCH:-tiny 15m 134m batch context latency plots}
REPEATS=${REPEATS:-3}
BIN=$SKALD_BUILD/bin
OUT=$SKALD_BUILD/bench
HERE=$SKALD_ROOT/tests/bench
RESULTS=$OUT/results.jsonl
JOBS=5000  # of --latency

# Name and llm-compile's options. The peer's file has each matrix in the type that holds the same numbers: q8_0, q4_0, tq2_0.
FORMATS=("int8|--weights int8" "int4|--weights int4")
TERNARY="ternary|--weights ternary"
SHORT=("tiny:int8|--weights int8" "134m:int4|--weights int4")  # of beside
LONG="1.1b:int4|--weights int4"
KV_INT8=("int8-kv8|--weights int8 --kv int8" "int4-kv8|--weights int4 --kv int8")

wants() { [[ " $BENCH " == *" $1 "* ]]; }

find_peer() {
    local found=${LLAMA_BENCH:-$(command -v llama-bench || true)}
    PEER=()
    [[ -z $found || $found == none ]] && return
    read -ra PEER <<<"$found"
    command -v "${PEER[0]}" >/dev/null || die "LLAMA_BENCH: there is no ${PEER[0]}"
}

# ---- Models ------------------------------------------------------------------------------------

# A model depends on its shape and on what compiles it: the cache has one folder for each state of both.
models_key() {
    cd "$SKALD_ROOT" && find tools/compile uapi/skald runtime/container tests/bench/shapes -type f -print0 | sort -z |
        xargs -0 cat | sha256sum | cut -c1-16
}

# make_model SHAPE FORMAT-LINE: MODELS/SHAPE-FORMAT.skald, and the same weights as .gguf.
make_model() {
    local name options
    IFS='|' read -r name options <<<"$2"
    [[ -e $MODELS/$1-$name.skald ]] && return
    # shellcheck disable=SC2086 # options are words
    "$BIN/llm-compile" --random "$HERE/shapes/$(shape_file "$1").json" $options -o "$MODELS/new.skald" \
        --write-gguf "$MODELS/$1-$name.gguf"
    mv "$MODELS/new.skald" "$MODELS/$1-$name.skald"
}

shape_file() { [[ $1 == tiny ]] && echo 260k || echo "$1"; }

make_models() {
    local entry
    for entry in "$@"; do make_model "${entry%%:*}" "${entry#*:}"; done
}

# Sets of models, as "shape:format line".
shapes() {
    local shape format
    for shape in tiny 15m 134m 1.1b; do
        wants "$shape" || continue
        for format in "${FORMATS[@]}"; do echo "$shape:$format"; done
        [[ $shape == 1.1b ]] && echo "$shape:$TERNARY"
    done
    true
}

# Batches and contexts are a matter of large models.
of_largest() {
    local format shape=134m
    wants 1.1b && shape=1.1b
    for format in "$@"; do echo "$shape:$format"; done
}

# model_names ENTRY...: file names without their endings.
model_names() {
    local entry rest
    for entry in "$@"; do rest=${entry#*:} && echo "${entry%%:*}-${rest%%|*}"; done
}

# ---- Measuring ---------------------------------------------------------------------------------

# Lines of JSON on standard input, marked with who measured what in which round.
record() { sed -n "s/^{/{\"run\": \"$1\", \"set\": \"$2\", \"round\": $ROUND, /p" >>"$RESULTS"; }

limits() { "$BIN/llm-bench" --limits -r 3 -o jsonl | record limits "$1"; }

# Card memory for the largest of these files twice over, a power of two.
card_memory() {
    local most size=1073741824
    most=$(stat -c %s "$@" | sort -n | tail -n 1)
    while ((size < 2 * most)); do size=$((2 * size)); done
    echo $size
}

# card SET THREADS MODEL... -- OPTION...: llm-bench in a guest, all models one after the other. They are disks there, the fast
# way in; links give them their names back.
card() {
    local set=$1 threads=$2 names=() disks=() files=() links='' list='' letter
    shift 2
    while [[ $1 != -- ]]; do names+=("$1") && shift; done
    shift
    for ((i = 0; i < ${#names[@]}; i++)); do
        letter=$(printf "\\x$(printf %x $((97 + i)))")
        files+=("$MODELS/${names[i]}.skald")
        disks+=(--disk "$MODELS/${names[i]}.skald")
        links+="ln -s /dev/vd$letter /tmp/${names[i]}.skald; "
        list+=${list:+,}/tmp/${names[i]}.skald
    done
    "$BIN/skald-vm" "${disks[@]}" --card "memory-size=$(card_memory "${files[@]}"),threads=$threads" -- \
        sh -c "$links exec llm-bench -m $list -o jsonl $*" >"$OUT/guest.jsonl" ||
        die "llm-bench failed in the guest, see above"
    record card "$set" <"$OUT/guest.jsonl"
}

# peer SET THREADS MODEL... -- OPTION...
peer() {
    local set=$1 threads=$2 names=() name
    shift 2
    while [[ $1 != -- ]]; do names+=("$1") && shift; done
    shift
    ((${#PEER[@]})) || return 0
    for name in "${names[@]}"; do
        [[ -e $MODELS/$name.gguf ]] || continue
        "${PEER[@]}" -m "$MODELS/$name.gguf" -t "$threads" -o jsonl "$@" 2>>"$OUT/peer.log" >"$OUT/peer.jsonl" ||
            die "${PEER[*]} failed on $name; see $OUT/peer.log"
        record peer "$set" <"$OUT/peer.jsonl"
    done
}

# turns SET THREADS PEER-THREADS MODEL... -- OPTION...: guest, limits, peer, limits.
turns() {
    local set=$1 threads=$2 peer_threads=$3
    shift 3
    limits "$set"
    card "$set" "$threads" "$@"
    limits "$set"
    peer "$set" "$peer_threads" "$@"
}

measure_shapes() {
    local entries=() small=() large=()
    local entry all half
    all=$(nproc)
    half=$(((all + 1) / 2))  # processors may be two threads of a core
    mapfile -t entries < <(shapes)
    for entry in "${entries[@]}"; do
        [[ $entry == tiny:* ]] && small+=("$(model_names "$entry")") || large+=("$(model_names "$entry")")
    done
    # Where a token takes microseconds, one thread may be best.
    if ((${#small[@]})); then
        card shapes 1 "${small[@]}" -- -p 512 -n 512 -r 3
        turns shapes "$all" "1,$all" "${small[@]}" -- -p 512 -n 512 -r 3
    fi
    if ((${#large[@]})); then
        ((half < all)) && card shapes "$half" "${large[@]}" -- -p 512 -n 128 -r 1
        turns shapes "$all" "$half,$all" "${large[@]}" -- -p 512 -n 128 -r 1
    fi
    true
}

measure_batch() {
    local names
    mapfile -t names < <(of_largest "${FORMATS[@]}")
    mapfile -t names < <(model_names "${names[@]}")
    limits batch
    card batch "$(nproc)" "${names[@]}" -- -p 0 -n 32 -r 1 -b 1,2,4,8,16,32,64
}

measure_context() {
    local names
    mapfile -t names < <(of_largest "${KV_INT8[@]}")
    mapfile -t names < <(model_names "${names[@]}")
    turns context "$(nproc)" "$(nproc)" "${names[@]}" -- -p 512,4096 -n 0 -r 1
    turns context "$(nproc)" "$(nproc)" "${names[@]}" -- -p 0 -n 32 -r 1 -d 128,512,1024,2048,4096
}

# Empty jobs, in turns with reads of an NVMe disk that is nothing but its queues. Its node comes some time after its driver.
measure_latency() {
    "$BIN/skald-vm" --card memory-size=256M --qemu=-blockdev --qemu=driver=null-co,node-name=null,size=1073741824,read-zeroes=on \
        --qemu=-device --qemu=nvme,serial=null,drive=null -- \
        sh -c 'modprobe nvme && for i in $(seq 100); do [ -b /dev/nvme0n1 ] && break; sleep 0.1; done
            exec llm-bench --latency --disk /dev/nvme0n1 --jobs '"$JOBS"' -o jsonl' >"$OUT/guest.jsonl" ||
        die "llm-bench --latency failed in the guest, see above"
    record card latency <"$OUT/guest.jsonl"
}

# Short answers at high priority beside prompts of 1.1b at low priority.
measure_beside() {
    local entry short long
    long=$(model_names "$LONG")
    for entry in "${SHORT[@]}"; do
        short=$(model_names "$entry")
        "$BIN/skald-vm" --disk "$MODELS/$short.skald" --disk "$MODELS/$long.skald" --memory 2048 \
            --card "memory-size=$(card_memory "$MODELS/$short.skald" "$MODELS/$long.skald")" -- \
            sh -c "ln -s /dev/vda /tmp/$short.skald; ln -s /dev/vdb /tmp/$long.skald
                exec llm-bench -m /tmp/$short.skald -n 64 --beside /tmp/$long.skald -p 512 -r 1 -o jsonl" \
            >"$OUT/guest.jsonl" || die "llm-bench --beside failed in the guest, see above"
        record card beside <"$OUT/guest.jsonl"
    done
}

measure_round() {
    [[ -n $(shapes) ]] && measure_shapes
    wants batch && measure_batch
    wants context && measure_context
    wants latency && measure_latency
    wants beside && measure_beside
    true
}

# ---- All of it ---------------------------------------------------------------------------------

check_arguments() {
    local part
    [[ $REPEATS =~ ^[1-9][0-9]*$ ]] || die "REPEATS '$REPEATS' is not a number of rounds"
    for part in $BENCH; do
        [[ " tiny 15m 134m 1.1b batch context latency beside plots " == *" $part "* ]] ||
            die "BENCH: there is no '$part'; there are tiny 15m 134m 1.1b batch context latency beside plots"
    done
}

wanted_models() {
    shapes
    wants batch && of_largest "${FORMATS[@]}"
    wants context && of_largest "${KV_INT8[@]}"
    wants beside && printf '%s\n' "${SHORT[@]}" "$LONG"
    true
}

main() {
    local entries
    check_arguments
    find_peer
    MODELS=$SKALD_CACHE/bench/$(models_key)
    mkdir -p "$OUT" "$MODELS"
    touch "$MODELS"
    find "$SKALD_CACHE/bench" -mindepth 1 -maxdepth 1 -mtime +7 -exec rm -rf {} +
    mapfile -t entries < <(wanted_models)
    export MODELS
    ((${#entries[@]})) && step bench-models "making models with random weights" make_models "${entries[@]}"
    if [[ $BENCH == plots ]]; then
        [[ -e $RESULTS ]] || die "there is nothing to plot: no run has left $RESULTS"
        python3 "$HERE/plot.py" "$RESULTS" "$OUT"
        return
    fi
    : >"$RESULTS"
    : >"$OUT/peer.log"
    ((${#PEER[@]})) || say "  no llama-bench: set LLAMA_BENCH for a comparison"
    for ((ROUND = 1; ROUND <= REPEATS; ROUND++)); do
        say "  round $ROUND of $REPEATS"
        measure_round
    done
    python3 "$HERE/table.py" "$RESULTS"
    if wants plots; then python3 "$HERE/plot.py" "$RESULTS" "$OUT"; fi
    say "  all figures: $RESULTS"
}
run "$@"
