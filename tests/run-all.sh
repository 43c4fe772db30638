#!/bin/bash
# SPDX-License-Identifier: MIT
# run-all.sh [SUITE...]: every suite of `make test`, or the named ones, which may be of those that
# take too long for every run (MORE). A suite leaves JUnit XML in
# build/test-results/; the summary counts what is in there, and a suite that left none or ended
# badly with no failed test to show for it counts as a failure of its own.
. "$(dirname "$0")/../tools/setup/lib.sh"

RESULTS=$SKALD_BUILD/test-results
ALL=(lint host sanitized fuzz qtest package vm)
MORE=(threads next strangers fresh)

export SKALD_QEMU=$SKALD_BUILD/qemu/qemu-system-x86_64
export SKALD_FIRMWARE=$SKALD_BUILD/firmware/skald_fw.bin
# Debian's clang comes without its own symbolizer; binutils are there.
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1:allow_addr2line=1
export UBSAN_OPTIONS=print_stacktrace=1:allow_addr2line=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1

# The suite's own stages; how long they took goes into the summary, and of what costs something each stage by its name.
make_stages() {
    local started=$SECONDS status=0
    SKALD_COSTS=$RESULTS/$SUITE.stages make -C "$SKALD_ROOT" --no-print-directory -j "$SKALD_JOBS" "$@" || status=$?
    echo $((SECONDS - started)) >"$RESULTS/$SUITE.building"
    return $status
}

host_tests() {
    python3 "$SKALD_ROOT/tests/host_tests.py" --jobs "$SKALD_JOBS" "$SKALD_BUILD/$1" "$RESULTS/$2.xml"
}

# What needs nothing built comes first: on a machine where nothing is set up the rest is an hour away.
suite_lint() {
    local lint=$SKALD_ROOT/tests/lint/lint.sh status=0
    local built=(driver_checkpatch qemu_checkpatch driver_warnings clang_tidy)
    [[ ! -e $SKALD_BUILD/kernel/debug-7.3.mk ]] || built+=(driver_warnings_next)
    "$lint" "$RESULTS/lint.xml" clang_format shellcheck prose || status=1
    make_stages stage-host stage-driver stage-qemu &&
        "$lint" "$RESULTS/lint-built.xml" "${built[@]}" || status=1
    return $status
}
suite_host() { make_stages stage-host stage-firmware && host_tests host host; }
suite_sanitized() {
    local tree=host-clang
    [[ ${SANITIZER:-} != g++ ]] || tree=host-sanitized
    make_stages stage-sanitized stage-firmware && host_tests "$tree" sanitized
}
suite_fuzz() { make_stages stage-fuzz && "$SKALD_ROOT/tests/fuzz/run" --build "$SKALD_BUILD" --check --results "$RESULTS/fuzz.xml"; }
suite_threads() { make_stages stage-threads stage-firmware && host_tests host-threads threads; }
suite_qtest() {
    make_stages stage-host stage-qemu stage-firmware &&
        "$SKALD_BUILD/host/test-bin/skald_qtest" --gtest_output="xml:$RESULTS/qtest.xml"
}
suite_package() {
    make_stages stage-kernel stage-host deb &&
        "$SKALD_ROOT/tests/package/run" --build "$SKALD_BUILD" --results "$RESULTS"
}
suite_vm() {
    local stages=(stage-host stage-guest stage-qemu)
    # The debug kernel takes long to build: only where a run asks for it.
    if grep -q '^kernel *= *debug' "$SKALD_ROOT/tests/vm/table.ini"; then stages+=(stage-guest-debug); fi
    # In the guest the image is where the driver finds it; the name of here would follow skald-vm in.
    make_stages "${stages[@]}" && env -u SKALD_FIRMWARE "$SKALD_ROOT/tests/run" "$RESULTS"
}

# The debug kernel's stanzas on the next Linux, whose kernel takes long to build.
suite_next() {
    make_stages stage-host stage-qemu stage-guest-debug-7.3 &&
        env -u SKALD_FIRMWARE "$SKALD_ROOT/tests/vm/run" --kernel debug-7.3 --suite next --build "$SKALD_BUILD" \
            --results "$RESULTS"
}
suite_strangers() {
    make_stages stage-host stage-guest stage-guest-debug stage-qemu stage-strangers &&
        env -u SKALD_FIRMWARE "$SKALD_ROOT/tests/vm/strangers" --build "$SKALD_BUILD" --results "$RESULTS" &&
        mv "$RESULTS/vm-strangers.xml" "$RESULTS/strangers.xml"
}

# A guest of its own making, in which a module is compiled: without KVM it takes ten minutes and more.
suite_fresh() {
    make_stages stage-fresh-debian &&
        "$SKALD_ROOT/tests/package/fresh/run" --build "$SKALD_BUILD" --results "$RESULTS"
}

# Seconds of processors that all this shell waited for has taken. A subshell is only asked about itself.
cpu_of_children() {
    times >"$RESULTS/$SUITE.times"
    awk '{ for (i = 1; i <= 2; i++) { split($i, part, /[ms]/); cpu += part[1] * 60 + part[2] } }
        END { printf "%.0f\n", cpu }' "$RESULTS/$SUITE.times"
    rm "$RESULTS/$SUITE.times"
}

run_suite() {
    local SUITE=$1 started=$SECONDS status=0
    say "suite $SUITE"
    if [[ ${V:-0} != 0 ]]; then
        "suite_$SUITE" 2>&1 | tee "$RESULTS/$SUITE.log" || status=$?
    else
        # Stages say what they do; the tests themselves are quiet unless they fail.
        "suite_$SUITE" >"$RESULTS/$SUITE.log" || status=$?
    fi
    echo $((SECONDS - started)) >"$RESULTS/$SUITE.seconds"
    cpu_of_children >"$RESULTS/$SUITE.cpu"
    echo "$status" >"$RESULTS/$SUITE.status"
}

in_turn() {
    local suite
    for suite in "$@"; do (run_suite "$suite"); done
}

# The guests' suites beside the others: one boots a guest at a time, which leaves a processor idle. In a process group of its
# own, so that it ends with us, whatever ends us.
side_by_side() {
    local -n guests=$1 others=$2
    set -m
    in_turn "${guests[@]}" </dev/null &
    set +m
    BESIDE=$!
    trap 'kill -- "-$BESIDE" 2>/dev/null || true' EXIT
    in_turn "${others[@]}"
    wait "$BESIDE"
    trap - EXIT
}

main() {
    local suite suites=("$@") first=() compiled=() booted=()
    ((${#suites[@]})) || suites=("${ALL[@]}")
    for suite in "${suites[@]}"; do
        case $suite in
            lint | host) first+=("$suite") ;;
            sanitized | fuzz | threads) compiled+=("$suite") ;;
            qtest | package | vm | next | strangers | fresh) booted+=("$suite") ;;
            *) die "there is no suite '$suite'; there are: ${ALL[*]} ${MORE[*]}" ;;
        esac
    done
    rm -rf "$RESULTS" && mkdir -p "$RESULTS"
    "$SKALD_ROOT/tools/setup/packages.sh"
    in_turn "${first[@]}"
    # Where host tests came first, what both want is built, firmware included: no stage meets itself.
    if [[ " ${first[*]} " == *" host "* && ${#compiled[@]} != 0 && ${#booted[@]} != 0 ]]; then
        side_by_side booted compiled
    else
        in_turn "${compiled[@]}" "${booted[@]}"
    fi
    echo "$SECONDS" >"$RESULTS/elapsed"
    python3 "$SKALD_ROOT/tests/summary.py" "$RESULTS"
}
main "$@"
