#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""table.py RESULTS.jsonl: medians of what run.sh collected. Each side at the thread count that is best for it; ratios and parts
of limits are taken within a round, then their median."""

import statistics
import sys
from pathlib import Path

from results import Results, Test, median, ratio


def percent(part: float | None) -> str:
    return "-" if part is None else f"{100 * part:.0f} %"


def test_line(results: Results, test: Test) -> str:
    threads, mine = Results.best(results.card[test])
    theirs = Results.best(results.peer.get(test, {}))
    line = f"{test.model:<16}{test.name():<18}{threads:>8}{median(mine):>12.1f}"
    if theirs:
        quotient = ratio(mine, theirs[1])
        line += f"{theirs[0]:>9}{median(theirs[1]):>13.1f}" + (f"{quotient:>8.2f}" if quotient else f"{'-':>8}")
    else:
        line += f"{'-':>9}{'-':>13}{'-':>8}"
    return line + "".join(f"{percent(results.part_of_limit(test, threads, figure)):>9}"
                          for figure in ("bytes_per_s", "macs_per_s"))


def print_tests(results: Results) -> None:
    print(f"{'model':<16}{'test':<18}{'threads':>8}{'tokens/s':>12}{'llama -t':>9}{'tokens/s':>13}{'ratio':>8}"
          f"{'of read':>9}{'of int8':>9}")
    order = ("shapes", "batch", "context")
    for test in sorted(results.card, key=lambda t: (order.index(t.part), t.model, not t.prompt, t)):
        print(test_line(results, test))
    if any(test.model.endswith("-kv8") for test in results.peer):
        print("llama-bench keeps its keys and values in f16")


def print_limits(results: Results) -> None:
    if not results.limits:
        return
    reads = [best["limit_bytes_per_s"] for best in results.limits.values()]
    macs = [best["limit_macs_per_s"] for best in results.limits.values()]
    tiles = [best["limit_tile_macs_per_s"] for best in results.limits.values()]
    print(f"\nlimits of the host meanwhile: reads {min(reads) / 1e9:.1f} to {max(reads) / 1e9:.1f} GB/s, "
          f"int8 {2 * min(macs) / 1e12:.2f} to {2 * max(macs) / 1e12:.2f} TOPS (of these the table's parts)"
          + (f", on AMX tiles {2 * min(tiles) / 1e12:.2f} to {2 * max(tiles) / 1e12:.2f} TOPS" if max(tiles) else ""))


def print_latency(results: Results) -> None:
    if not results.latency:
        return
    print(f"\n{'submission, us':<26}{'p50':>9}{'p99':>9}")
    for what, rounds in results.latency.items():
        print(f"{what:<26}" + "".join(f"{statistics.median(r[key] for r in rounds) / 1e3:>9.1f}"
                                      for key in ("p50_ns", "p99_ns")))
    full = statistics.median(r["p50_ns"] for r in results.latency["empty job, queue full"])
    print(f"{1e9 / full:.0f} jobs/s with a full queue")
    reads, jobs = results.latency.get("4 KiB direct read"), results.latency["empty job"]
    if reads:
        quotient = statistics.median(job["p50_ns"] / read["p50_ns"] for job, read in zip(jobs, reads))
        print(f"an empty job takes {quotient:.2f} x a 4 KiB direct read of a null NVMe disk (p50)")


def print_beside(results: Results) -> None:
    if not results.beside:
        return
    print(f"\n{'beside a prompt, ms':<26}{'p50 alone':>10}{'p99 alone':>10}{'p50':>9}{'p99':>9}{'p99/p50 alone':>15}"
          f"{'prompt, of alone':>18}")
    for what, rounds in results.beside.items():
        print(f"{what:<26}" + "".join(f"{statistics.median(r[key] for r in rounds) / 1e6:>{width}.1f}" for key, width in (
            ("alone_p50_ns", 10), ("alone_p99_ns", 10), ("beside_p50_ns", 9), ("beside_p99_ns", 9)))
              + f"{statistics.median(r['ratio'] for r in rounds):>15.2f}"
              + f"{percent(statistics.median(r['beside_ts'] / r['beside_alone_ts'] for r in rounds)):>18}")


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    results = Results(Path(sys.argv[1]))
    if not results.card and not results.latency and not results.beside:
        print(f"{sys.argv[1]}: no run ended with figures", file=sys.stderr)
        return 1
    if results.card:
        print_tests(results)
    print_limits(results)
    print_latency(results)
    print_beside(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
