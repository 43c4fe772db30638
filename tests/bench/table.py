#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""table.py RESULTS.jsonl: medians of what run.sh collected, one line for each model; beside them the best thread count
of llama-bench and the ratio, where it ran."""

import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path

Samples = dict[str, list[float]]


def read(path: Path) -> tuple[dict[str, Samples], dict[str, Samples]]:
    """(ours, the peer's): model -> "prefill", "decode" -> tokens/s of each round."""
    ours: dict[str, Samples] = defaultdict(lambda: defaultdict(list))
    peer: dict[str, Samples] = defaultdict(lambda: defaultdict(list))
    for line in path.read_text().splitlines():
        if not line.startswith("{"):
            continue
        record = json.loads(line)
        if "model_filename" in record:
            kind = "decode" if record["n_gen"] else "prefill"
            peer[Path(record["model_filename"]).stem][f"{kind} -t {record['n_threads']}"].append(record["avg_ts"])
        else:
            name = Path(record["file"]).stem
            for kind in ("prefill", "decode"):
                if record[f"{kind}_tps"] is not None:
                    ours[name][kind].append(record[f"{kind}_tps"])
    return ours, peer


def best(samples: Samples, kind: str) -> float | None:
    medians = [statistics.median(values) for name, values in samples.items() if name.startswith(kind) and values]
    return max(medians, default=None)


def main() -> int:
    ours, peer = read(Path(sys.argv[1]))
    if not ours:
        print(f"{sys.argv[1]}: no run ended with figures", file=sys.stderr)
        return 1
    print(f"{'model':<14}{'what':<9}{'card, tokens/s':>16}{'llama-bench':>14}{'ratio':>8}")
    for name in sorted(ours):
        for kind in ("prefill", "decode"):
            mine, theirs = best(ours[name], kind), best(peer.get(name, {}), kind)
            if mine is not None:
                ratio = f"{theirs:>14.1f}{mine / theirs:>8.2f}" if theirs else f"{'-':>14}{'-':>8}"
                print(f"{name:<14}{kind:<9}{mine:>16.1f}{ratio}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
