#!/bin/sh
# SPDX-License-Identifier: MIT
# guest-cost.sh MODEL.skald [TOKENS]: what decoding costs the guest, run inside it:
#   skald-vm --share DIR -- DIR/guest-cost.sh DIR/MODEL.skald 1000
# The counters of /proc are read around a run of one token and a run of TOKENS (1000); what the second took more is
# decode alone. One JSON line: share of the guest's CPU time, interrupts of the card, submissions, all of that interval.
set -eu
case ${2:-1000} in
    *[!0-9]* | 0 | 1) set -- ;;
esac
if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    echo "usage: guest-cost.sh MODEL.skald [TOKENS, 2 or more]" >&2
    exit 2
fi
model=$1
tokens=${2:-1000}

# In hundredths of a second since boot: all but idle and waiting for disks; then the clock; then the card's interrupts.
counters() {
    awk '$1 == "cpu" { print $2 + $3 + $4 + $7 + $8 }' /proc/stat
    awk '{ print $1 * 100 }' /proc/uptime
    awk '/skald/ { for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++) n += $i } END { print n + 0 }' /proc/interrupts
}

# run N: the differences of the counters over a run of N tokens, then its submissions and its decode speed.
run() {
    before=$(counters)
    # With --json the last line is the report; what went wrong is on standard error.
    text=$(llm-run "$model" -p "the quick brown fox" -n "$1" --temp 0 --ignore-eos --json 2>"$errors") || {
        cat "$errors" >&2
        return 1
    }
    report=$(echo "$text" | tail -n 1)
    # shellcheck disable=SC2046,SC2086 # three numbers each
    set -- $before $(counters)
    echo $(($4 - $1)) $((${5%.*} - ${2%.*})) $(($6 - $3))
    echo "$report" | sed 's/.*"submissions":\([0-9]*\).*/\1/'
    echo "$report" | sed 's/.*"decode_tps":\([0-9.a-z]*\).*/\1/'
}

errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
# Once before, so that the model is in the page cache for both.
run 1 >/dev/null
one=$(run 1)
many=$(run "$tokens")
# shellcheck disable=SC2086
set -- $one $many
awk -v cpu=$(($6 - $1)) -v ticks=$(($7 - $2)) -v irqs=$(($8 - $3)) -v jobs=$(($9 - $4)) -v tps="${10}" -v n="$tokens" 'BEGIN {
    printf "{\"tokens\": %d, \"decode_tps\": %.1f, \"guest_cpu\": %.4f, \"interrupts\": %d, \"interrupts_per_s\": %.1f, \"submissions\": %d, \"submissions_per_s\": %.2f}\n",
        n, tps, cpu / ticks, irqs, irqs * 100 / ticks, jobs, jobs * 100 / ticks }'
